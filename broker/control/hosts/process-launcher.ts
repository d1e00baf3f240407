// Starts a shard host as a separate process, with IPC to this one. Runs in the controller.
// When the controller ends, the channel closes, and the host drains and exits; nothing here has to outlive the controller.
import { fileURLToPath } from 'node:url'
import { hostEnvironment } from '../../config/environment.ts'
import type { HostLauncher } from '../../host-contract.ts'
import { launchProgram } from '../../supervision/program.ts'
import type { Logger } from '../../telemetry/log.ts'
import { processChannel } from '../../channels/process-channel.ts'

/**
 * Batches lie outside V8's heap, but count as pressure on it: with a host's heap of 8 MB, V8 ran a full collection every
 * 10 MB of appends. Below this initial heap size, in MB, V8 leaves batches to the cheap young-generation collections.
 */
const HEAP_FLAG = '--initial-old-space-size=64'
/** The host's number for the log descriptor that it is given. */
const LOG_DESCRIPTOR = 4

export interface ProcessLauncherOptions {
  /** The compiled entry file of a host. */
  readonly entry: URL
  /** Size of the host's libuv pool: libuv reads it once, before any JavaScript, so only the parent can set it. */
  readonly threadPoolSize: number
  /** Gets what a host prints beside its own log. */
  readonly log: Logger
}

export function processLauncher({ entry, threadPoolSize, log }: ProcessLauncherOptions): HostLauncher {
  return {
    launch: (hostId) => {
      const { execPath, execArgv } = process
      const program = {
        command: execPath,
        // `host-1` serves only to recognise the process in a process list.
        args: [...execArgv, HEAP_FLAG, fileURLToPath(entry), `host-${hostId}`, String(LOG_DESCRIPTOR)],
        env: hostEnvironment(threadPoolSize),
        serialization: 'advanced',
        // The host logs to this process's standard output.
        logDescriptor: 1,
      } as const
      const { process: child, ...life } = launchProgram(program, log.child({ component: `host ${hostId}` }))
      return { ...life, channel: processChannel(child) }
    },
  }
}
