// A program as a supervised child: a process with its own command, arguments and environment. Runs in the controller.
// What the program prints becomes lines of the log. Its IPC channel closes when the controller ends, and it is meant to
// end then too, so nothing here has to outlive the controller.
import { spawn, type ChildProcess } from 'node:child_process'
import type { Logger } from '../telemetry/log.ts'
import type { ReasonTexts } from './machine.ts'
import type { SupervisionPolicy } from './policy.ts'
import { logStrayOutput } from './stray-output.ts'
import { ChildGone, type Charge, type Child } from './supervised-child.ts'

export interface Program {
  /** What runs; `process.execPath` for a script. */
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the program: it inherits nothing from this process. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** How messages are serialized on its channel to this process. Default: `json`. */
  readonly serialization?: 'json' | 'advanced'
  /** A descriptor of this process for the program's own log. The program finds it as descriptor 4. */
  readonly logDescriptor?: number
}

/** A program from its launch to its end. */
export interface RunningProgram extends Child {
  readonly process: ChildProcess
}

/** Starts a program. Does not throw where the program cannot be started: `ended` then says why. */
export function launchProgram(program: Program, log: Logger): RunningProgram {
  const { command, args, env, serialization = 'json', logDescriptor } = program
  const stdio = ['ignore', 'pipe', 'pipe', 'ipc', ...(logDescriptor === undefined ? [] : [logDescriptor])]
  const child = spawn(command, args, { env, serialization, stdio: stdio as ('pipe' | 'ipc')[] })
  logStrayOutput([child.stdout, child.stderr], log)
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`process ${child.pid} ended by ${signal ?? `code ${code}`}`))
    child.on('error', (error) => {
      // Errors after the start concern messages to a process that is ending anyway.
      if (child.pid === undefined) resolve(`the process could not be started: ${error.message}`)
    })
  })
  return { pid: child.pid, process: child, ended, kill: () => void child.kill('SIGKILL') }
}

export interface ProgramChargeOptions {
  readonly program: Program
  /**
   * When the program counts as ready: as soon as it runs, with its first message over the channel, or when a function fulfils. That
   * one is called when it runs, and may reject with the reason why it cannot serve, or with ChildGone.
   */
  readonly ready: 'launched' | 'message' | ((running: RunningProgram) => Promise<void>)
  /** No heartbeat: a program that serves no calls is watched only for its end. */
  readonly policy: Omit<SupervisionPolicy, 'heartbeat'>
  readonly texts?: Partial<ReasonTexts>
  /** Gets what the program prints. */
  readonly log: Logger
  readonly onNews?: Charge<RunningProgram>['onNews']
}

/** A charge for a program that is controlled by signals: SIGTERM drains it, and SIGKILL ends it if that takes too long. */
export function programCharge(options: ProgramChargeOptions): Charge<RunningProgram> {
  const { program, ready, policy, log, onNews } = options
  return {
    policy,
    texts: {
      starting: 'starting',
      stopping: 'the broker is stopping',
      stuck: 'it did nothing',
      ...options.texts,
    },
    launch: () => launchProgram(program, log),
    start: async (running) => {
      const { process: child, ended } = running
      if (child.pid === undefined) throw new ChildGone(await ended)
      if (ready === 'launched') return
      if (ready !== 'message') return await ready(running)
      const gone = ended.then((how): never => {
        throw new ChildGone(how)
      })
      const spoke = new Promise<void>((resolve) => {
        child.once('message', () => resolve())
      })
      await Promise.race([spoke, gone])
    },
    drain: ({ process: child }) => void child.kill('SIGTERM'),
    ...(onNews && { onNews }),
  }
}
