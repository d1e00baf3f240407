// Composes a shard host: its metrics, its log, its storage, and the calls of its controller. Host main thread.
// The entry, which is a process or a program that embeds a host, chooses where owners and readers run, the time, the
// channel, and how a host ends. `listening` in host.ts opens the port, once the controller has sent the address.
import { SOFTWARE } from '../config/software.ts'
import type { HostCalls, HostSettings } from '../host-contract.ts'
import { createTelemetry } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import { serveCalls, type ServeOptions } from '../channels/calls.ts'
import type { Channel } from '../channels/channel.ts'
import { systemTime, type Time } from '../time.ts'
import { createHost, type Host } from './host.ts'
import type { HostStorage } from './host-storage.ts'

/** The choices of an entry. */
export interface HostChoices {
  readonly storage: HostStorage
  /** Called once, with the level and format that the controller sent. */
  readonly openLog: (settings: HostSettings) => Logger
  /** The system's time by default. */
  readonly time?: Time
  /** True if the process runs this host alone: its metrics then include those of the process. */
  readonly ownsProcess: boolean
  /** Called once when this host must not go on. */
  readonly onBroken: (error: Error) => void
}

/** Makes a host that has not started yet. */
export function composeHost(choices: HostChoices): Host {
  const { storage, openLog, time = systemTime, ownsProcess, onBroken } = choices
  return createHost({
    ...storage,
    software: SOFTWARE,
    openLog,
    telemetry: createTelemetry('host', { withProcess: ownsProcess }),
    time,
    onBroken,
  })
}

/** Serves the controller's calls on `channel`. Calls `onDrained` once the host has drained and the reply has left. */
export function serveController(
  host: Host,
  channel: Channel,
  { onDrained, ...options }: { readonly onDrained: () => void } & ServeOptions<HostCalls>,
): void {
  const drain: typeof host.handlers.drain = async (request) => {
    await host.handlers.drain(request)
    setImmediate(onDrained)
    return null
  }
  serveCalls<HostCalls>(channel, { ...host.handlers, drain }, options)
}
