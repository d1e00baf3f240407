// The composition of a shard host, in a process of its own or inside another. Host main thread.
// It answers the controller's calls and serves the data plane. It never touches the disk: owners write, the segment reader
// reads, both behind calls. When an owner is gone or an invariant is broken it does not go on: `onBroken` ends it, and
// whoever supervises it starts it again from what is on disk.
import type { Duplex } from 'node:stream'
import { invariant } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { HostCalls, HostSettings, PlacedShard } from '../host-contract.ts'
import type { ServerMetrics } from '../server/server-metrics.ts'
import { createServer, type Server } from '../server/server.ts'
import type { Logger } from '../telemetry/log.ts'
import { crash, type CallHandlers } from '../threads/calls.ts'
import type { SegmentReader } from '../threads/reader-contract.ts'
import { Engine } from './engine.ts'
import type { HostGauges, HostMetrics } from './host-metrics.ts'
import type { RunningOwner } from './owner-link.ts'
import { realTiming, type Timing } from './timing.ts'

export type OwnerPlace = HostSettings['owners'][number]

export interface HostOptions {
  /** Adopts an owner's directory, and runs it on a thread or in this one. Rejects where it cannot be opened. */
  readonly startOwner: (owner: OwnerPlace, settings: HostSettings) => Promise<RunningOwner>
  /** Opens the reader of segments: a pool of threads, or in this one. */
  readonly openReader: (settings: HostSettings) => SegmentReader
  /** Name and version of the broker, for hello. */
  readonly software: string
  readonly log: Logger
  readonly metrics: HostMetrics
  readonly serverMetrics?: ServerMetrics
  /** Turns what is counted, and what is held now, into Prometheus metrics as JSON. */
  readonly exportMetrics: (gauges: HostGauges) => Promise<readonly object[]>
  readonly timing?: Timing
  /** Called once when this host must not go on. Ends the process by an uncaught exception unless given. */
  readonly onBroken?: (error: Error) => void
}

export interface Host {
  /** For the controller, over whatever channel it has. `start` comes first. */
  readonly handlers: CallHandlers<HostCalls>
  /** Takes a stream as a connection: the in-process transport. Only after `start`. */
  accept(stream: Duplex, remote?: string): void
  /** Drains without being asked: the controller is gone. Does nothing where it is drained, or never started. */
  drain(deadlineMs: number): Promise<void>
}

interface Serving {
  readonly engine: Engine
  readonly server: Server
}

export function createHost(options: HostOptions): Host {
  const { log, timing = realTiming(), onBroken = crash } = options
  let serving: Serving | undefined
  let asked = false
  let drained: Promise<void> | undefined
  let broken = false

  function breakDown(error: Error): void {
    if (broken) return
    broken = true
    log.fatal({ err: error }, 'this host cannot go on')
    onBroken(error)
  }

  function inService(): Serving {
    if (!serving) throw new MillraceError('unavailable', 'This host has not started yet.')
    return serving
  }

  async function start({ settings, shards }: HostCalls['start']['request']): Promise<{ port: number }> {
    invariant(!asked, 'a host is started once')
    asked = true
    const engine = new Engine({ ...options, settings, timing, onBroken: breakDown })
    await engine.startOwners()
    try {
      return await serve(engine, settings, shards)
    } catch (error) {
      await engine.close()
      throw error
    }
  }

  async function serve(
    engine: Engine,
    settings: HostSettings,
    shards: readonly PlacedShard[],
  ): Promise<{ port: number }> {
    await engine.openShards(shards)
    const { software, serverMetrics } = options
    const server = createServer({
      identity: { brokerId: settings.brokerId, role: 'host', hostId: settings.hostId, software },
      handlers: engine.handlers,
      events: engine.events,
      maxConnections: settings.maxConnections,
      log,
      ...(serverMetrics && { metrics: serverMetrics }),
      clock: timing.clock,
      onBroken: breakDown,
    })
    const bound = settings.listen ? await server.listen(settings.listen) : { port: 0 }
    serving = { engine, server }
    return bound
  }

  /** Running requests are answered before their owners are closed; whoever asks again waits for the same drain. */
  function drain(deadlineMs: number): Promise<void> {
    if (!serving) return Promise.resolve()
    const { engine, server } = serving
    drained ??= (async () => {
      const disconnected = server.drain(deadlineMs)
      engine.quiesce()
      await disconnected
      await engine.close()
      log.info('this host has drained')
    })()
    return drained
  }

  const handlers: CallHandlers<HostCalls> = {
    start,
    openShards: async ({ shards }) => {
      await inService().engine.openShards(shards)
      return null
    },
    dropStream: async ({ streamId }) => {
      await inService().engine.dropStream(streamId)
      return null
    },
    updateStream: ({ streamId, retentionMs }) => {
      inService().engine.updateStream(streamId, retentionMs)
      return null
    },
    describeShards: ({ streamId }) => ({ extents: inService().engine.extentsOf(streamId) }),
    metrics: async () => {
      const { engine, server } = inService()
      return { metrics: await options.exportMetrics(await engine.gauges(server.sessionCount)) }
    },
    drain: async ({ deadlineMs }) => {
      await drain(deadlineMs)
      return null
    },
  }
  return {
    handlers,
    accept: (stream, remote) => inService().server.accept(stream, remote),
    drain,
  }
}
