// Starts load processes and waits for their results. Runs in the bench's main process; ends only its own children.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { deferred } from './deferred.ts'
import type { FromLoad, JobName, JobResult, JobSettings, ToLoad } from '../load/job.ts'

export interface RunningLoad<R> {
  /** Fulfils when the job is set up; rejects if it fails before that. */
  readonly ready: Promise<number | undefined>
  readonly result: Promise<R>
  /** Asks a job that runs until it is stopped for its result. */
  stop(): void
  /** Ends the process at once; without a result so far, the job fails. */
  kill(): void
}

/** Threads of libuv's pool, which runs every LMDB commit: more than any job has environments. */
const LOAD_THREAD_POOL = '16'

export function startLoad<J extends JobName>(
  job: J,
  settings: JobSettings<J>,
  say: (text: string) => void,
): RunningLoad<JobResult<J>> {
  const child = fork(new URL('../load/main.js', import.meta.url), {
    env: { ...process.env, UV_THREADPOOL_SIZE: LOAD_THREAD_POOL },
    serialization: 'advanced',
  })
  const ready = deferred<number | undefined>()
  const result = deferred<JobResult<J>>()
  const fail = (reason: string) => {
    const error = new Error(`load ${job}: ${reason}`)
    ready.reject(error)
    result.reject(error)
  }
  child.on('message', (message: FromLoad) => {
    if (message.type === 'ready') ready.resolve(message.detail)
    else if (message.type === 'say') say(message.text)
    else if (message.type === 'failed') fail(message.reason)
    else result.resolve(message.result as JobResult<J>)
  })
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => fail(`ended with ${signal ?? code} before its result`))
  send(child, { type: 'start', job, settings })
  // A caller may await only one of the two promises; the other's rejection must not end the process.
  ready.promise.catch(() => {})
  const left = thenLeave(result.promise, child)
  left.catch(() => {})
  return {
    ready: ready.promise,
    result: left,
    stop: () => send(child, { type: 'stop' }),
    kill: () => void child.kill('SIGKILL'),
  }
}

function send(child: ChildProcess, message: ToLoad): void {
  if (child.connected) child.send(message)
}

/** Waits for the result and the end of the process, so that the next measurement has the cores for itself. */
async function thenLeave<R>(result: Promise<R>, child: ChildProcess): Promise<R> {
  try {
    return await result
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      if (child.connected) child.disconnect()
      await gone
    }
  }
}
