import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room tells listeners. */
export const events: Events<'xss.refused'> = defineEvents({
  'xss.refused': {
    severity: 'warning',
    meaning:
      'An answer was kept back. `detail.reason` is `undeclared` or `untyped`; `detail.kind` says which document it would have been (`html`, `svg`, `xml`, `pdf`, `javascript`).',
  },
})
