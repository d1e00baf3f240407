// Starts a shard host as a process of its own, with IPC to this one. Runs in the controller.
// A host whose controller is gone sees its channel end, drains and exits; nothing here has to outlive the controller.
import { fileURLToPath } from 'node:url'
import { hostEnvironment } from '../config/environment.ts'
import type { HostLauncher } from '../host-contract.ts'
import { launchProgram } from '../supervision/program.ts'
import type { Logger } from '../telemetry/log.ts'
import { processChannel } from '../channels/process-channel.ts'

/**
 * Batches are memory outside V8's heap, which counts them as garbage of it: beside a heap as small as a host's, 8 MB, it
 * collected all of it every 10 MB of appends. Below so many megabytes of heap it leaves that to younger collections.
 */
const HEAP_FLAG = '--initial-old-space-size=64'
/** Where a launched program finds the descriptor that is given to it. */
const LOG_DESCRIPTOR = 4

export interface ProcessLauncherOptions {
  /** The compiled entry file of a host. */
  readonly entry: URL
  /** libuv reads its size once, before the first line of JavaScript: only a parent can set it. */
  readonly threadPoolSize: number
  /** Told what a host prints beside its log. */
  readonly log: Logger
}

export function processLauncher({ entry, threadPoolSize, log }: ProcessLauncherOptions): HostLauncher {
  return {
    launch: (hostId) => {
      const { execPath, execArgv } = process
      const program = {
        command: execPath,
        // The first argument of the script is for whoever looks at a list of processes.
        args: [...execArgv, HEAP_FLAG, fileURLToPath(entry), `host-${hostId}`, String(LOG_DESCRIPTOR)],
        env: hostEnvironment(threadPoolSize),
        serialization: 'advanced',
        // The host's log goes where the log of this process goes.
        logDescriptor: 1,
      } as const
      const { process: child, ...life } = launchProgram(program, log.child({ component: `host ${hostId}` }))
      return { ...life, channel: processChannel(child) }
    },
  }
}
