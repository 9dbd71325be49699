import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { errorsTable, eventsTable, optionsTable } from '../docs/tables.ts'
import { root } from '../workspace.ts'

const nothing = { errors: {}, events: {} }

describe('the documentation', () => {
  it('says what the code says', () => {
    const { stdout } = spawnSync(process.execPath, ['scripts/docs.ts', '--check'], { cwd: root, encoding: 'utf8' })
    expect(stdout).toBe('')
  })

  it('shows options with type, bounds, default and where they may stand', () => {
    const name = { type: 'string', description: 'A name.' }
    const text = optionsTable({
      ...nothing,
      optionsSchema: {
        required: ['key'],
        properties: {
          key: { accepts: ['string', 'KeyObject'], writeOnly: true, description: 'The key.' },
          mode: { enum: ['a', 'b'], default: 'a', description: 'One | other.' },
          policies: {
            type: 'array',
            items: { type: 'object', properties: { limit: { type: 'integer', minimum: 1 } } },
          },
        },
      },
      routeSchema: { properties: { mode: { enum: ['a', 'b'] }, name } },
    })
    expect(text.split('\n').slice(2)).toEqual([
      '| `key` | string or KeyObject, secret | required | app | The key. |',
      "| `mode` | `'a'` or `'b'` | `'a'` | app, route | One \\| other. |",
      '| `policies` | list of objects | - | app |  |',
      '| `policies[].limit` | integer ≥ 1 | - | app |  |',
      '| `name` | string | - | route | A name. |',
    ])
  })

  it('shows answers before what fails at boot', () => {
    const errors = {
      PTC_A_BOOT: { boot: 'no %s', meaning: 'Never.' },
      PTC_A_LATE: { status: 429, sentence: 'Slow down.', meaning: 'Often.' },
    }
    expect(
      errorsTable({ ...nothing, errors })
        .split('\n')
        .slice(2),
    ).toEqual(['| `PTC_A_LATE` | 429 | Slow down. | Often. |', '| `PTC_A_BOOT` | boot | `no %s` | Never. |'])
  })

  it('says so where there is nothing to show', () => {
    expect([errorsTable(nothing), eventsTable(nothing)]).toEqual(['None.', 'None.'])
  })
})
