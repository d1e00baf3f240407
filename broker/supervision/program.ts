// A program as a supervised child: a process with a command, arguments and an environment of its own. Runs in the controller.
// What it prints becomes lines of the log. A program that is given a channel can see its parent go by the channel's end, so
// nothing here has to outlive the controller.
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
  /** All of its environment: nothing is inherited that does not stand here. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** How messages are written on its channel to this process; `json` where it is not given. */
  readonly serialization?: 'json' | 'advanced'
  /** Given to it as descriptor 4, behind input, output, errors and channel, where its own log is to go there. */
  readonly logDescriptor?: number
}

/** A program from its launch to its end. */
export interface RunningProgram extends Child {
  readonly process: ChildProcess
}

/** Starts a program. Where it cannot be started, its end says so. */
export function launchProgram(program: Program, log: Logger): RunningProgram {
  const { command, args, env, serialization = 'json', logDescriptor } = program
  const stdio = ['ignore', 'pipe', 'pipe', 'ipc', ...(logDescriptor === undefined ? [] : [logDescriptor])]
  const child = spawn(command, args, { env, serialization, stdio: stdio as ('pipe' | 'ipc')[] })
  logStrayOutput([child.stdout, child.stderr], log)
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`process ${child.pid} ended by ${signal ?? `code ${code}`}`))
    child.on('error', (error) => {
      // Later errors are about messages to a process that ends anyhow.
      if (child.pid === undefined) resolve(`the process could not be started: ${error.message}`)
    })
  })
  return { pid: child.pid, process: child, ended, kill: () => void child.kill('SIGKILL') }
}

export interface ProgramChargeOptions {
  readonly program: Program
  /** Ready as soon as it runs, or once it has sent its first message over the channel. */
  readonly ready: 'launched' | 'message'
  /** Without a heartbeat: a program that speaks no calls is watched for its end alone. */
  readonly policy: Omit<SupervisionPolicy, 'heartbeat'>
  readonly texts?: Partial<ReasonTexts>
  /** Gets what it prints. */
  readonly log: Logger
  readonly onNews?: Charge<RunningProgram>['onNews']
}

/** A program that is spoken to by signals: SIGTERM drains it, and SIGKILL ends it where that takes too long. */
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
    start: async ({ process: child, ended }) => {
      if (child.pid === undefined) throw new ChildGone(await ended)
      if (ready === 'launched') return
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
