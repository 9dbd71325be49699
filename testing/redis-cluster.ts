import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'
import { launchRedis } from './redis.ts'

interface Node {
  readonly port: number
  readonly child: ChildProcess
  readonly client: Redis
}

const SLOTS = 16_384

/** A real Redis Cluster on loopback: three masters with a replica each. */
export class RedisCluster {
  readonly #nodes: readonly Node[]
  readonly #folder: string

  private constructor(nodes: readonly Node[], folder: string) {
    this.#nodes = nodes
    this.#folder = folder
  }

  static async start(): Promise<RedisCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'ptc-cluster-'))
    const nodes: Node[] = []
    for (let i = 0; i < 6; i++) nodes.push(await startNode(folder, i))
    const cluster = new RedisCluster(nodes, folder)
    const [first] = nodes
    for (const { client } of nodes.slice(1)) await client.call('CLUSTER', 'MEET', '127.0.0.1', String(first?.port))
    for (const [i, { client }] of nodes.slice(0, 3).entries()) {
      const [from, to] = [Math.ceil((i * SLOTS) / 3), Math.ceil(((i + 1) * SLOTS) / 3) - 1]
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
    }
    for (const [i, { client }] of nodes.slice(3).entries()) {
      const master = String(await nodes[i]?.client.call('CLUSTER', 'MYID'))
      // Known to the replica as soon as word of it has come round.
      while ((await client.call('CLUSTER', 'REPLICATE', master).catch(() => 'no')) !== 'OK') await pause(50)
    }
    await cluster.#settled()
    return cluster
  }

  get ports(): readonly number[] {
    return this.#nodes.map(({ port }) => port)
  }

  /** What all masters hold. */
  async keys(): Promise<string[]> {
    return (await Promise.all(this.#nodes.slice(0, 3).map(({ client }) => client.keys('*')))).flat()
  }

  /** Has the first replica take over from its master, nothing lost; resolves when it has. */
  async failOver(): Promise<void> {
    const replica = this.#nodes[3] as Node
    await replica.client.call('CLUSTER', 'FAILOVER')
    while (!String(await replica.client.call('ROLE')).startsWith('master')) await pause(20)
  }

  /** Kills the second master; its replica takes over by itself. */
  kill(): void {
    this.#nodes[1]?.child.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    for (const { client, child } of this.#nodes) {
      client.disconnect()
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #settled(): Promise<void> {
    for (const { client } of this.#nodes) {
      while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await pause(50)
      while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_known_nodes:6')) await pause(50)
    }
    for (const { client } of this.#nodes.slice(3)) {
      while (!(await client.info('replication')).includes('master_link_status:up')) await pause(50)
    }
  }
}

async function startNode(folder: string, number: number): Promise<Node> {
  // Nodes talk to each other on a second port, ten thousand above.
  const port = await freePort()
  const child = await launchRedis({
    port,
    dir: folder,
    'cluster-enabled': 'yes',
    'cluster-config-file': `nodes-${number}.conf`,
    'cluster-node-timeout': 1000,
    'repl-diskless-sync-delay': 0,
  })
  if (child.exitCode !== null) throw new Error('a node does not start')
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 100 })
  client.on('error', () => {})
  return { port, child, client }
}
