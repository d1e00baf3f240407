// A broker whose controller runs in the test's process and whose shard hosts are processes, as in a daemon. A test sees
// each call from the controller to a host, and can kill that host with SIGKILL right before the call, or after the
// answer and before the controller knows it; or kill a host at a commit of the catalog. It signals only processes that
// it started.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { SOFTWARE } from '../../../broker/config/software.ts'
import { createController, type Controller } from '../../../broker/control/controller.ts'
import { processLauncher } from '../../../broker/control/hosts/process-launcher.ts'
import type { CatalogStore } from '../../../broker/catalog-contract.ts'
import type { HostCalls, HostLauncher, LaunchedHost } from '../../../broker/host-contract.ts'
import { createServer, type Server } from '../../../broker/server/server.ts'
import { openCatalogStore } from '../../../broker/storage/catalog-store.ts'
import { noteAt } from '../../../broker/storage/note.ts'
import { openSmallRows, smallRowsPath } from '../../../broker/storage/small-rows/store.ts'
import { createTelemetry } from '../../../broker/telemetry/instruments.ts'
import { silentLog } from '../../../broker/telemetry/log.ts'
import type { Channel } from '../../../broker/channels/channel.ts'
import { systemTime } from '../../../broker/time.ts'
import { memoryFile } from '../../broker/control/support/memory-file.ts'

const DRAIN_MS = 5_000
/** A killed host that has served for this long is restarted at once. */
const SERVED_MS = 60_000

/** Calls that are part of a change of shards. */
const CHANGING: ReadonlySet<string> = new Set([
  'unservedShards',
  'balanceOf',
  'sealShards',
  'openShards',
] satisfies (keyof HostCalls)[])

/**
 * When to kill a host, counted from arming: the called host, before it gets the call or after it answers; or a host at
 * a commit of the catalog, which then waits until the host is back with its assignments.
 */
export type Kill =
  | { readonly side: 'before' | 'after'; readonly call: number }
  | { readonly side: 'commit'; readonly commit: number; readonly hostId: number }

/** The parts of a channel's messages that this file reads. */
type Packet = readonly [kind: string, id: number, call: string]

export class ForkedHosts implements AsyncDisposable {
  /** Calls of changes since arming, in order: `sealShards at host 1`. */
  calls: string[] = []
  /** Commits of the catalog since arming. */
  commits = 0
  /** Says which host was killed where; undefined if none was. */
  killed: string | undefined
  readonly dataDir: string
  #kill: Kill | undefined
  readonly #running = new Map<number, LaunchedHost>()
  /** Added to the controller's stopwatch. */
  #skippedMs = 0
  #controller!: Controller
  #server!: Server
  #port = 0

  private constructor(dataDir: string) {
    this.dataDir = dataDir
  }

  /** Two hosts with an owner each, and the smallest segments. */
  static async start(dataDir: string): Promise<ForkedHosts> {
    const started = new ForkedHosts(dataDir)
    await started.#start()
    return started
  }

  get url(): string {
    return `millrace://127.0.0.1:${this.#port}`
  }

  get port(): number {
    return this.#port
  }

  /** Resets the counts, and kills as `kill` says; kills nothing without it. */
  arm(kill?: Kill): void {
    this.calls = []
    this.commits = 0
    this.killed = undefined
    this.#kill = kill
  }

  /** Kills nothing from now on. */
  disarm(): void {
    this.#kill = undefined
  }

  /** Fulfils when all hosts serve. */
  whenReady(): Promise<void> {
    return this.#controller.whenReady()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.drain(DRAIN_MS)
    await this.#controller.drain(DRAIN_MS)
  }

  async #start(): Promise<void> {
    const settings = { dataDir: this.dataDir, hosts: 2, owners: 2, segmentSize: '1MiB', logLevel: 'error' }
    const config = resolveConfig({ settings: { ...settings, freeSpaceFloor: '64MiB' } }).values
    const telemetry = createTelemetry('controller', { withProcess: false })
    const log = silentLog()
    const onBroken = (error: Error): void => {
      throw error
    }
    this.#controller = await createController({
      config,
      openStore: async () => this.#watchedStore(await openCatalogStore(join(config.dataDir, 'catalog'))),
      openSmallRows: (events) => openSmallRows(smallRowsPath(config.dataDir), events),
      clockNote: noteAt(join(config.dataDir, 'clock.json')),
      accessKeyFile: memoryFile('access.key'),
      launcher: this.#launcher(config.threadPoolSize),
      listenOf: () => ({ host: '127.0.0.1', port: 0 }),
      addressOf: (hostId, port) => (port === undefined ? undefined : { hostId, host: '127.0.0.1', port }),
      software: SOFTWARE,
      telemetry,
      log,
      time: { ...systemTime, elapsed: () => systemTime.elapsed() + this.#skippedMs },
      random: Math.random,
      newBrokerId: randomUUID,
      onBroken,
    })
    this.#server = createServer({
      identity: { brokerId: this.#controller.brokerId, role: 'controller', hostId: 0, software: SOFTWARE },
      handlers: this.#controller.handlers,
      maxConnections: config.maxConnections,
      log,
      metrics: telemetry.instruments,
      onBroken,
    })
    this.#port = (await this.#server.listen({ host: '127.0.0.1', port: 0 })).port
    this.#controller.start()
    await this.whenReady()
  }

  #launcher(threadPoolSize: number): HostLauncher {
    const entry = new URL(import.meta.resolve('#dist/broker/host/main.js'))
    const { launch } = processLauncher({ entry, threadPoolSize, log: silentLog() })
    return {
      launch: (hostId) => {
        const host = launch(hostId)
        this.#running.set(hostId, host)
        return { ...host, channel: this.#watched(hostId, host) }
      },
    }
  }

  #killHost(host: LaunchedHost, when: string): void {
    this.killed = when
    this.#skippedMs += SERVED_MS
    host.kill()
  }

  #watchedStore(store: CatalogStore): CatalogStore {
    return {
      ...store,
      commit: async (changes) => {
        this.commits += 1
        const kill = this.#kill
        if (kill?.side === 'commit' && kill.commit === this.commits) {
          const { hostId, commit } = kill
          const host = this.#running.get(hostId)!
          this.#killHost(host, `host ${hostId} at commit ${commit}`)
          await host.ended
          await this.whenReady()
        }
        await store.commit(changes)
      },
    }
  }

  /** Wraps the channel to a host, to kill the host at its messages. */
  #watched(hostId: number, host: LaunchedHost): Channel {
    const { channel } = host
    const answersThatKill = new Set<number>()
    const kill = (when: string): void => this.#killHost(host, when)
    return {
      ...channel,
      post: (message, transfer) => {
        const [kind, id, call] = message as Packet
        if (kind === 'call' && CHANGING.has(call)) {
          const number = this.calls.push(`${call} at host ${hostId}`)
          const isNow = this.#kill !== undefined && 'call' in this.#kill && this.#kill.call === number
          const side = isNow ? this.#kill?.side : undefined
          if (side === 'before') return kill(`before call ${number}, ${this.calls[number - 1]}`)
          if (side === 'after') answersThatKill.add(id)
        }
        channel.post(message, transfer)
      },
      onMessage: (listener) =>
        channel.onMessage((message) => {
          const [kind, id] = message as Packet
          const isLost = kind !== 'call' && answersThatKill.delete(id)
          if (isLost) kill(`after an answer of host ${hostId}`)
          else listener(message)
        }),
    }
  }
}
