import { measure } from '../../../bench/measure.ts'
import { compilePolicy } from '../src/policy.ts'

const policy = compilePolicy({ fields: ['x-original-url', 'x-rewrite-url'] })
const headers = { host: 'api.example.com', accept: 'application/json', authorization: 'Bearer token' }

await measure('decide on a request without forbidden fields', {
  'nothing at all': () => null,
  '@portcullis/__concern__': () => policy(headers),
})
