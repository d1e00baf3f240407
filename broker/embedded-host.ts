// Shard hosts inside this process, for `createBroker`: the engine of host/ behind a channel pair instead of a process.
// Owners run here too, or on threads of their own as in a daemon. Composition root; any process that embeds a broker.
import type { Duplex } from 'node:stream'
import { refusal } from '../protocol/refusal.ts'
import { SOFTWARE } from './config/software.ts'
import type { HostCalls, HostLauncher, HostSettings } from './host-contract.ts'
import { createHost, type Host, type HostOptions } from './host/host.ts'
import type { OwnerChannel } from './host/owner-link.ts'
import { realTiming } from './host/timing.ts'
import { openOwner, type OwnerParts } from './storage/owner.ts'
import { inlineSegmentMaintenance } from './storage/segment-maintenance.ts'
import { inlineSegmentReader } from './storage/segment-reader.ts'
import { countHost, countServer, readHost } from './telemetry/counting.ts'
import { createTelemetry } from './telemetry/instruments.ts'
import type { Logger } from './telemetry/log.ts'
import { serveCalls } from './threads/calls.ts'
import { channelPair } from './threads/channels.ts'
import { createMaintenanceThread } from './threads/maintenance-thread.ts'
import { startOwnerThread } from './threads/owner-thread.ts'
import type { OwnerCalls, OwnerOptions } from './threads/owner-contract.ts'
import { createReaderPool } from './threads/reader-pool.ts'
import { systemTime } from './time.ts'

export interface EmbeddedHostsOptions {
  /** Owners and readers on threads, from compiled code; else everything runs in this thread. */
  readonly threads: boolean
  readonly clock: () => number
  readonly elapsed: () => number
  /** What a test puts in place of the disk; only without threads. */
  readonly storage: OwnerParts
  readonly log: Logger
}

export interface EmbeddedHosts {
  readonly launcher: HostLauncher
  /** Hands a connection to a host; throws `unavailable` while it does not run. */
  accept(hostId: number, stream: Duplex): void
}

export function embeddedHosts(options: EmbeddedHostsOptions): EmbeddedHosts {
  const running = new Map<number, Host>()

  function launch(hostId: number): ReturnType<HostLauncher['launch']> {
    const [controllerEnd, hostEnd] = channelPair()
    let finish: (how: string) => void
    const ended = new Promise<string>((resolve) => {
      finish = resolve
    })
    const end = (how: string): void => {
      running.delete(hostId)
      hostEnd.close()
      finish(how)
    }
    const onBroken = (error: Error): void => {
      // What can still be closed is closed: in this process nothing else gives locks and files back.
      host.drain(0).then(
        () => end(`it broke: ${error.message}`),
        () => end(`it broke, and left its storage open: ${error.message}`),
      )
    }
    const host = createHost(hostOptions(options, hostId, onBroken))
    running.set(hostId, host)
    const drain: typeof host.handlers.drain = async (request) => {
      await host.handlers.drain(request)
      // After the reply has left.
      setImmediate(end, 'it was drained')
      return null
    }
    serveCalls<HostCalls>(hostEnd, { ...host.handlers, drain }, { onBroken })
    const kill = (): void => {
      host.drain(0).then(
        () => end('it was ended'),
        (error: unknown) => end(`it was ended, and left its storage open: ${String(error)}`),
      )
    }
    return { pid: undefined, channel: controllerEnd, ended, kill }
  }

  return {
    launcher: { launch },
    accept: (hostId, stream) => {
      const host = running.get(hostId)
      if (host === undefined) throw refusal('unavailable', `Host ${hostId} does not run.`)
      host.accept(stream, 'in-process')
    },
  }
}

function hostOptions(
  options: EmbeddedHostsOptions,
  hostId: number,
  onBroken: (error: Error) => void,
): HostOptions {
  const { threads, clock, elapsed, storage } = options
  const { instruments, collect } = createTelemetry('host', { withProcess: false })
  return {
    startOwner: ({ ownerId, directory }, { segmentBytes, freeSpaceFloorBytes }) => {
      const place: OwnerOptions = { ownerId, directory, segmentBytes, freeSpaceFloorBytes }
      return threads
        ? startOwnerThread(place, new URL('./storage/worker.js', import.meta.url))
        : inlineOwner({ ...place, ...storage, clock })
    },
    openReader: ({ readerThreads }: HostSettings) =>
      threads
        ? createReaderPool({
            threads: readerThreads,
            workerUrl: new URL('./storage/reader-worker.js', import.meta.url),
          })
        : inlineSegmentReader(storage.openEnvironment ? { openEnvironment: storage.openEnvironment } : {}),
    openMaintenance: () =>
      threads
        ? createMaintenanceThread({
            workerUrl: new URL('./storage/maintenance-worker.js', import.meta.url),
          })
        : inlineSegmentMaintenance({ ...storage, clock }),
    software: SOFTWARE,
    openLog: () => options.log.child({ process: `host-${hostId}` }),
    metrics: countHost(instruments),
    serverMetrics: countServer(instruments),
    exportMetrics: (readings) => {
      readHost(instruments, readings)
      return collect()
    },
    timing: realTiming({ ...systemTime, now: clock, elapsed }),
    onBroken,
  }
}

async function inlineOwner(options: OwnerOptions & OwnerParts): Promise<OwnerChannel> {
  const [hostEnd, ownerEnd] = channelPair()
  // On a broken invariant the host sees its owner go, and goes with it. A thread or process would give lock and files
  // back by its end: here the owner is closed first, so that the next one finds them free.
  let broken: Promise<void> | undefined
  const onBroken = (): void => {
    broken ??= Promise.resolve(owner.handlers.close(null)).then(
      () => ownerEnd.close(),
      () => ownerEnd.close(),
    )
  }
  const owner = await openOwner({ ...options, onBroken })
  const { notify } = serveCalls<OwnerCalls>(ownerEnd, owner.handlers, { onBroken })
  owner.onNotice(notify)
  // Nothing of it is left when its close call was answered, or it has gone by itself.
  return { ...hostEnd, join: () => Promise.resolve() }
}
