import { createClient, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import type { Client } from 'memjs'
import type { MemcachedClient, RedisClient } from '../src/index.ts'

// Clients fit as their own types declare them.
declare const memjs: Client
export const clients: RedisClient[] = [new Redis(), new Cluster([]), createClient(), createCluster({ rootNodes: [] })]
export const memcached: MemcachedClient = memjs
