import { bare, type Comparison } from '../comparison.ts'

/** What proxies are compared in front of. */
const comparison: Comparison = {
  title: 'the service behind a proxy',
  bare: 'backend',
  official: 'backend',
  path: '/api/users/101',
  subjects: { backend: bare },
}
export default comparison
