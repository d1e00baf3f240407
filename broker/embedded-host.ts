// Shard hosts inside this process, for `createBroker`: the engine of host/ behind a channel pair instead of a process.
// Owners run in this thread, or each on its own thread as in a daemon. Runs in any process that embeds a broker.
import type { Duplex } from 'node:stream'
import { refusal } from '../protocol/refusal.ts'
import type { HostLauncher } from './host-contract.ts'
import { composeHost, serveController } from './host/compose-host.ts'
import type { Host } from './host/host.ts'
import { storageThreads } from './host/storage-threads.ts'
import { inlineStorage } from './inline-storage.ts'
import type { OwnerParts } from './storage/owner.ts'
import type { Logger } from './telemetry/log.ts'
import { channelPair } from './channels/channel-pair.ts'
import { systemTime, type Time } from './time.ts'

export interface EmbeddedHostsOptions {
  /** True: owners and readers run on threads, from compiled code. False: everything runs in this thread. */
  readonly threads: boolean
  /** By which records arrive, and by which that clock is doubted. */
  readonly time: Pick<Time, 'now' | 'elapsed'>
  /** Parts of storage that a test replaces; only without threads. */
  readonly storage: OwnerParts
  readonly log: Logger
}

export interface EmbeddedHosts {
  readonly launcher: HostLauncher
  /** Passes a connection to a host; throws `unavailable` while the host does not run. */
  accept(hostId: number, stream: Duplex): void
}

export function embeddedHosts(options: EmbeddedHostsOptions): EmbeddedHosts {
  const { threads, log } = options
  const { now, elapsed } = options.time
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
      // Closes what can still be closed: no exit of a process frees the host's locks and files here.
      host.drain(0).then(
        () => end(`it broke: ${error.message}`),
        () => end(`it broke, and left its storage open: ${error.message}`),
      )
    }
    const host = composeHost({
      storage: threads ? storageThreads() : inlineStorage({ ...options.storage, now }),
      openLog: () => log.child({ process: `host-${hostId}` }),
      time: { ...systemTime, now, elapsed },
      ownsProcess: false,
      onBroken,
    })
    running.set(hostId, host)
    serveController(host, hostEnd, { onDrained: () => end('it was drained'), onBroken })
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
      host.accept(stream)
    },
  }
}
