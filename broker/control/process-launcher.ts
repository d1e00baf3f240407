// Starts a shard host as a process of its own, with IPC to this one. Runs in the controller.
// A host whose controller is gone sees its channel end, drains and exits; nothing here has to outlive the controller.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { hostEnvironment } from '../config/environment.ts'
import type { HostLauncher } from '../host-contract.ts'
import type { Logger } from '../telemetry/log.ts'
import { processChannel } from '../threads/channels.ts'
import { logStrayOutput } from './stray-output.ts'

/**
 * Batches are memory outside V8's heap, which counts them as garbage of it: beside a heap as small as a host's, 8 MB, it
 * collected all of it every 10 MB of appends. Below so many megabytes of heap it leaves that to younger collections.
 */
const HEAP_FLAG = '--initial-old-space-size=64'
/** The host's log goes where this process' log goes, through a descriptor of its own: behind input, output, errors and IPC. */
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
      // The first argument is for whoever looks at a list of processes.
      const child = fork(fileURLToPath(entry), [`host-${hostId}`, String(LOG_DESCRIPTOR)], {
        serialization: 'advanced',
        execArgv: [...process.execArgv, HEAP_FLAG],
        env: hostEnvironment(threadPoolSize),
        stdio: ['ignore', 'pipe', 'pipe', 'ipc', 1],
      })
      logStrayOutput([child.stdout, child.stderr], log.child({ component: `host ${hostId}` }))
      const ended = new Promise<string>((resolve) => {
        child.once('exit', (code, signal) =>
          resolve(`process ${child.pid} ended by ${signal ?? `code ${code}`}`),
        )
        child.once('error', (error) => {
          // Later errors are about messages to a process that ends anyhow.
          if (child.pid === undefined) resolve(`the process could not be started: ${error.message}`)
        })
      })
      return {
        pid: child.pid,
        channel: processChannel(child),
        ended,
        kill: () => void child.kill('SIGKILL'),
      }
    },
  }
}
