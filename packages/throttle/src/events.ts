import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room reports. */
export const events: Events<'throttle.delayed' | 'throttle.refused' | 'throttle.shed' | 'throttle.interrupted'> =
  defineEvents({
    'throttle.delayed': {
      severity: 'info',
      meaning: 'A request waits. Detail: `rule`, and `expectedMs`, how long it will if nobody comes before it.',
    },
    'throttle.refused': {
      severity: 'warning',
      meaning: 'A request would have waited too long, or has. Detail: `rule`.',
    },
    'throttle.shed': {
      severity: 'warning',
      meaning: 'A request came while the process was overloaded. Detail: `eventLoopDelayMs`.',
    },
    'throttle.interrupted': { severity: 'info', meaning: 'The app closed while a request waited. Detail: `rule`.' },
  })
