export { ConfigError, type Fault } from './config-file.ts'
export { startGateway, type GatewayServer, type StartOptions } from './gateway-server.ts'
