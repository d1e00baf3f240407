// The only place that reads `process.env` and facts of this machine. Runs in the controller, the command line and tests.
import { availableParallelism } from 'node:os'

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

/** Facts of the machine that derived settings depend on. */
export interface Machine {
  readonly cores: number
  readonly isTerminal: boolean
  /** Relative paths from flags and environment start here. */
  readonly workingDirectory: string
}

export function processEnvironment(): EnvironmentVariables {
  return process.env
}

export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    isTerminal: process.stdout.isTTY === true,
    workingDirectory: process.cwd(),
  }
}

/** The environment of a host process: this process's, and the pool size that libuv reads before any JavaScript runs. */
export function hostEnvironment(threadPoolSize: number): EnvironmentVariables {
  return { ...process.env, UV_THREADPOOL_SIZE: String(threadPoolSize) }
}

/** The environment of an app's process: this process's without the broker's options. An app is told what it needs. */
export function appEnvironment(): EnvironmentVariables {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')))
}

/**
 * True for variables that Kubernetes and Docker links set in every container beside a service called `millrace`. They are
 * not options: `MILLRACE_PORT=tcp://10.0.0.7:7400` in particular must not be read as one.
 */
export function isServiceLink(name: string, value: string): boolean {
  return (
    /^MILLRACE_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/.test(name) ||
    (name === 'MILLRACE_PORT' && /^(tcp|udp):\/\//.test(value))
  )
}
