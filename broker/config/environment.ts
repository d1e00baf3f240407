// The only door to `process.env`, and to what this machine is. Runs in the controller, the command line and tests.
import { availableParallelism } from 'node:os'

export type Environment = Readonly<Record<string, string | undefined>>

/** What derived settings depend on beside the options. */
export interface Machine {
  readonly cores: number
  readonly isTerminal: boolean
  /** Relative paths from flags and environment start here. */
  readonly workingDirectory: string
}

export function processEnvironment(): Environment {
  return process.env
}

export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    isTerminal: process.stdout.isTTY === true,
    workingDirectory: process.cwd(),
  }
}

/** The environment of a host process: this one's, with what libuv reads before any JavaScript runs. */
export function hostEnvironment(threadPoolSize: number): Environment {
  return { ...process.env, UV_THREADPOOL_SIZE: String(threadPoolSize) }
}

/**
 * Variables that Kubernetes and Docker links put into every container beside a service that is called `millrace`.
 * They are not options, and `MILLRACE_PORT=tcp://10.0.0.7:7400` in particular must not be read as one.
 */
export function isServiceLink(name: string, value: string): boolean {
  return (
    /^MILLRACE_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/.test(name) ||
    (name === 'MILLRACE_PORT' && /^(tcp|udp):\/\//.test(value))
  )
}
