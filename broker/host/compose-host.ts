// Composes a shard host: its metrics, its log, its storage, and the calls of its controller. What differs between a process
// and a host inside a program is chosen by them: where owners and readers run, time, the channel, and how a host ends.
// Host main thread. Its port is opened in `host.ts`, by `listening`, when the controller has said where.
import { SOFTWARE } from '../config/software.ts'
import type { HostCalls, HostSettings } from '../host-contract.ts'
import { createTelemetry } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import { serveCalls, type ServeOptions } from '../channels/calls.ts'
import type { Channel } from '../channels/channel.ts'
import { systemTime, type Time } from '../time.ts'
import { createHost, type Host } from './host.ts'
import type { HostStorage } from './host-storage.ts'

/** What an entry decides. */
export interface HostChoices {
  readonly storage: HostStorage
  /** Called once, with what the controller says of levels and formats. */
  readonly openLog: (settings: HostSettings) => Logger
  /** The system's unless given. */
  readonly time?: Time
  /** The process is the host's own: its metrics tell of the process too. */
  readonly ownsProcess: boolean
  /** Called once when this host must not go on. */
  readonly onBroken: (error: Error) => void
}

/** A host that has not started yet. */
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

/** Serves the controller's calls on `channel`. `onDrained` is called when the host has drained and the reply has left. */
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
