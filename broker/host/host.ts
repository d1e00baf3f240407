// A shard host, in a process of its own or inside another process. Host main thread.
// It answers the controller's calls and serves the data plane. It never touches the disk itself: owners write and the
// segment reader reads, both behind calls. When an owner has ended or an invariant is broken, `onBroken` ends the host, and
// its supervisor starts it again from what is on disk.
import type { Duplex } from 'node:stream'
import { invariant } from '../../protocol/invariant.ts'
import { refusal } from '../../protocol/refusal.ts'
import { Policy, type PolicyData } from '../access/policy.ts'
import { listenOrSay } from '../config/listening.ts'
import { flagOf } from '../config/options.ts'
import type { HostCalls, HostSettings } from '../host-contract.ts'
import { createServer, type Server, type ServerOptions } from '../server/server.ts'
import { openAudit, type OpenAudit } from '../telemetry/audit/open.ts'
import type { Telemetry } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import { crash, type CallHandlers } from '../channels/calls.ts'
import { Engine } from './engine.ts'
import type { HostStorage } from './host-storage.ts'
import { systemTime, type Time } from '../time.ts'

export interface HostOptions extends HostStorage {
  /** Name and version of the broker, for hello. */
  readonly software: string
  /** Opens the log with the level and format of the controller's settings. */
  readonly openLog: (settings: HostSettings) => Logger
  readonly telemetry: Telemetry
  readonly time?: Time
  /** Called once when this host must not go on. Ends the process by an uncaught exception unless given. */
  readonly onBroken?: (error: Error) => void
}

export interface Host {
  /** Handlers of the controller's calls, over any channel. The controller calls `start` first. */
  readonly handlers: CallHandlers<HostCalls>
  /** Serves a stream as a client's connection; the in-process transport uses it. Call it only after `start`. */
  accept(stream: Duplex): void
  /** Drains the host when its controller is gone. Does nothing if the host has not started, or failed to start. */
  drain(deadlineMs: number): Promise<void>
}

/** Makes a host that has not started yet. */
export function createHost(options: HostOptions): Host {
  return new ShardHost(options)
}

interface ServerParts extends Pick<ServerOptions<never>, 'log' | 'audit' | 'onBroken'> {
  readonly settings: HostSettings
  readonly policy: PolicyData
}

interface Serving {
  readonly audit: OpenAudit
  readonly log: Logger
  readonly engine: Engine
  readonly server: Server
}

class ShardHost implements Host {
  readonly handlers: CallHandlers<HostCalls>
  readonly #options: HostOptions
  readonly #time: Time
  #starting: Promise<{ port: number }> | undefined
  #serving: Serving | undefined
  #drained: Promise<void> | undefined
  #broken = false

  constructor(options: HostOptions) {
    this.#options = options
    this.#time = options.time ?? systemTime
    this.handlers = {
      start: (request) => {
        invariant(!this.#starting, 'a host is started once')
        return (this.#starting = this.#start(request))
      },
      ping: () => {
        const engine = this.#serving?.engine
        return { trouble: engine?.trouble ?? null, isStuck: engine?.isStuck() ?? false }
      },
      followClock: (reading) => {
        this.#engine.followClock(reading)
        return null
      },
      stampedAhead: () => ({ shards: this.#engine.stampedAhead() }),
      startAbsentOwners: async () => ({ absentOwners: await this.#engine.startAbsentOwners() }),
      openShards: ({ shards }) => done(this.#engine.lifecycle.open(shards)),
      serveConsumers: (served) => {
        this.#engine.serveConsumers(served)
        return null
      },
      servePolicy: (policy) => {
        const { server } = this.#inService()
        server.enforce(new Policy(policy, server.policy))
        return null
      },
      takeTokenUses: () => ({ uses: this.#inService().server.takeTokenUses() }),
      serveCertificates: (certificates) => {
        this.#inService().server.renewCertificates(certificates)
        return null
      },
      consumerShards: async (request) => ({ shards: await this.#engine.consumerShards(request) }),
      dropStream: (request) => done(this.#engine.lifecycle.dropStream(request)),
      updateStream: ({ streamId, settings }) => {
        this.#engine.lifecycle.update(streamId, settings)
        return null
      },
      holdRetention: (request) => done(this.#engine.lifecycle.holdRetention(request)),
      sealShards: async (request) => ({ extents: await this.#engine.lifecycle.seal(request) }),
      unservedShards: (request) => ({ shardIndexes: this.#engine.lifecycle.unserved(request) }),
      dropShards: (request) => done(this.#engine.lifecycle.drop(request)),
      shardLoads: () => this.#engine.loads(),
      boundedBytes: () => ({ totals: this.#engine.boundedBytes() }),
      storedSpans: (request) => this.#engine.storedSpans(request),
      trimToBound: (trims) => {
        this.#engine.trimToBound(trims)
        return null
      },
      balanceOf: (shard) => ({ startingHashKey: this.#engine.balanceOf(shard) }),
      describeShards: async (request) => ({ extents: await this.#engine.extentsOf(request) }),
      shardTails: ({ shards }) => ({ tails: this.#engine.backlogs.tailsOf(shards) }),
      backlogs: async ({ shards }) => ({ backlogs: await this.#engine.backlogs.of(shards) }),
      metrics: () => this.#metrics(),
      drain: ({ deadlineMs }) => done(this.drain(deadlineMs)),
    }
  }

  accept(stream: Duplex): void {
    this.#inService().server.accept(stream)
  }

  /** Answers running requests, and then closes the owners. A second call waits for the same drain. */
  drain(deadlineMs: number): Promise<void> {
    return (this.#drained ??= this.#drain(deadlineMs))
  }

  async #drain(deadlineMs: number): Promise<void> {
    // A running start must finish first, so that everything it opens is closed. A start that failed has closed all of it.
    await this.#starting?.catch(() => {})
    if (!this.#serving) return
    const { audit, log, engine, server } = this.#serving
    const disconnected = server.drain(deadlineMs)
    engine.quiesce()
    await disconnected
    await engine.close()
    await audit.close()
    log.info('this host has drained')
  }

  async #start({
    settings,
    shards,
    consumers,
    policy,
  }: HostCalls['start']['request']): Promise<HostCalls['start']['reply']> {
    const log = this.#options.openLog(settings)
    const onBroken = (error: Error): void => this.#breakDown(error, log)
    const { instruments: metrics } = this.#options.telemetry
    const engine = new Engine({ ...this.#options, metrics, settings, time: this.#time, log, onBroken })
    await engine.startOwners(shards)
    let audit: OpenAudit | undefined
    try {
      for (const served of consumers) engine.serveConsumers(served)
      await engine.lifecycle.open(shards)
      audit = this.#openAudit(settings, log)
      const server = this.#createServer(engine, { settings, policy, log, audit: audit.audit, onBroken })
      const { port } = await listening(server, settings.listen)
      engine.maintain()
      this.#serving = { audit, log, engine, server }
      return { port, absentOwners: engine.absentOwners }
    } catch (error) {
      await engine.close()
      await audit?.close()
      throw error
    }
  }

  #openAudit(settings: HostSettings, log: Logger): OpenAudit {
    return openAudit({
      path: settings.auditLog ?? undefined,
      process: `host-${settings.hostId}`,
      log,
      metrics: this.#options.telemetry.instruments,
      time: this.#time,
    })
  }

  #createServer(engine: Engine, { settings, policy, ...parts }: ServerParts): Server {
    const { software, telemetry } = this.#options
    return createServer({
      identity: { brokerId: settings.brokerId, role: 'host', hostId: settings.hostId, software },
      policy: new Policy(policy),
      handlers: engine.handlers,
      events: engine.events,
      maxConnections: settings.maxConnections,
      quotas: settings.quotas,
      ...parts,
      certificates: settings.certificates ?? undefined,
      metrics: telemetry.instruments,
      now: engine.now,
      streamNameOf: engine.streamNameOf,
    })
  }

  async #metrics(): Promise<HostCalls['metrics']['reply']> {
    const { engine } = this.#inService()
    await engine.measure()
    return { metrics: await this.#options.telemetry.collect() }
  }

  get #engine(): Engine {
    return this.#inService().engine
  }

  #inService(): Serving {
    if (!this.#serving) throw refusal('unavailable', 'This host has not started yet.')
    return this.#serving
  }

  #breakDown(error: Error, log: Logger): void {
    if (this.#broken) return
    this.#broken = true
    log.fatal({ err: error }, 'this host cannot go on')
    const { onBroken = crash } = this.#options
    onBroken(error)
  }
}

/** Opens the host's port to clients. It is the only place that does, so checks of new connections belong here. */
async function listening(server: Server, at: HostSettings['listen']): Promise<{ port: number }> {
  if (at === null) return { port: 0 }
  const froms = { hostFrom: flagOf('host'), portFrom: flagOf('hostPortBase') }
  return listenOrSay({ ...at, ...froms }, (place) => server.listen(place))
}

async function done(work: Promise<void>): Promise<null> {
  await work
  return null
}
