import { defineConfig } from 'vitest/config'

/** One project per kind of test. Root options do not reach projects, so each extends this file. */
export default defineConfig({
  test: {
    setupFiles: [new URL('./vitest.setup.ts', import.meta.url).pathname],
    // Against what hangs; a busy machine may take its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    // The default leaves a processor to Vitest itself, which hardly uses it.
    maxWorkers: '100%',
    projects: [
      { extends: true, test: { name: 'packages', include: ['packages/*/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'apps', include: ['apps/*/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'scripts', include: ['scripts/test/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['integration/test/**/*.test.ts'],
          exclude: ['integration/test/timed/**'],
        },
      },
      {
        extends: true,
        test: {
          // What judges milliseconds runs after all others, and by itself.
          name: 'timed',
          include: ['integration/test/timed/*.test.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
