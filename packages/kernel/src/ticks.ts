import { executionAsyncResource } from 'node:async_hooks'

// `process.nextTick` makes an object of each call, by a literal with computed keys. V8 lets go of the hidden class of such
// objects whenever it collects garbage while none is alive; after a few times the literal is compiled for objects of any
// class, and a tick costs ten times as much for the rest of the process: 7 µs of a request. One that stays alive keeps
// the class (docs/decisions/0019-ticks-that-stay.md).
const kept: object[] = []
const keep = (): void => void kept.push(executionAsyncResource())
process.nextTick(keep)
process.nextTick(keep, 'with arguments')
