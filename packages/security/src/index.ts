export { describeSecurity, onSecurityEvent, reconfigure } from '@portcullis/kernel'
export { check as checkOptions, optionsSchema, type SecurityOptions } from './options.ts'
export { default } from './plugin.ts'
export { serverOptions, type ServerOptions } from './server-options.ts'
