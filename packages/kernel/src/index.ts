export { compileOptions } from './compile-options.ts'
export { defineErrors } from './errors.ts'
export { defineEvents, emit, onSecurityEvent } from './events.ts'
export { defineRoom } from './room.ts'
