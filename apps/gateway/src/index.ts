export type { SecurityEvent } from '@portcullis/kernel'
export { ConfigError, type Fault } from './config-file.ts'
export type { Extension } from './extension.ts'
export { startGateway, type GatewayServer, type StartOptions } from './gateway-server.ts'
