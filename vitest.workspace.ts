import { defineConfig } from 'vitest/config'

/** One project per kind of test. Root options do not reach projects, so each extends this file. */
export default defineConfig({
  test: {
    setupFiles: [new URL('./vitest.setup.ts', import.meta.url).pathname],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'packages', include: ['packages/*/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'apps', include: ['apps/*/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'scripts', include: ['scripts/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'integration', include: ['integration/test/**/*.test.ts'] } },
    ],
  },
})
