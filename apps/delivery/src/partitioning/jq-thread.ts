// Runs jq in a thread of its own, which all deliveries of the process share: an expression that does not end holds up nobody's event loop,
// and is ended after its time together with the thread. The thread is started by the first run, and ends with the last who needs it. A
// thread that cannot be had says nothing of records: the run rejects, and is to be asked for again.
import { Worker } from 'node:worker_threads'
import type { JqOutput } from './jq-program.ts'
import { CRASHED, ENDLESS, JqUnavailable, type JqRuntime } from './jq-runtime.ts'
import type { JqAnswer } from './jq-worker.ts'

/** Time of one run. A thousand records take five milliseconds. */
const RUN_MS_MAX = 10_000

/** Time in which a thread has loaded jq, on the slowest of machines. */
const LOAD_MS_MAX = 120_000

export interface JqThreadRim {
  readonly runMsMax?: number
  readonly loadMsMax?: number
  readonly start?: () => Worker
}

/** Runs programs one after the other. */
export class JqThread implements JqRuntime {
  readonly #runMsMax: number
  readonly #loadMsMax: number
  readonly #start: () => Worker
  #worker: Worker | undefined
  /** It has loaded jq. */
  #isReady = false
  /** Ends when the run before has. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor({ runMsMax = RUN_MS_MAX, loadMsMax = LOAD_MS_MAX, start = startedWorker }: JqThreadRim = {}) {
    this.#runMsMax = runMsMax
    this.#loadMsMax = loadMsMax
    this.#start = start
  }

  /** Fulfils also where jq crashed or did not end: the output says so. Rejects with `JqUnavailable` where it was not run to an end. */
  run(program: string, input: string): Promise<JqOutput> {
    const output = this.#turn.then(() => this.#asked(program, input))
    this.#turn = output.catch(() => {})
    return output
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #asked(program: string, input: string): Promise<JqOutput> {
    const worker = this.#started()
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout
      const leave = () => {
        clearTimeout(timer)
        worker.off('message', answered).off('error', broke).off('exit', left).unref()
      }
      const drop = () => {
        leave()
        if (this.#worker === worker) this.#worker = undefined
        // A thread that is being ended may still say why.
        worker.on('error', () => undefined)
        void worker.terminate()
      }
      const failed = (exitCode: number, stderr: string) => {
        drop()
        resolve({ stdout: '', stderr, exitCode })
      }
      const unavailable = (reason: string) => {
        drop()
        reject(new JqUnavailable(reason))
      }
      const limit = () => {
        timer = this.#isReady
          ? setTimeout(
              () => failed(ENDLESS, `the expression has not ended after ${this.#runMsMax / 1000} s`),
              this.#runMsMax,
            )
          : setTimeout(
              () => unavailable(`its thread has not begun after ${this.#loadMsMax / 1000} s`),
              this.#loadMsMax,
            )
      }
      const answered = (answer: JqAnswer) => {
        if (answer.type === 'unavailable') unavailable(answer.reason)
        else if (answer.type === 'output') {
          leave()
          resolve(answer.output)
        } else {
          this.#isReady = true
          clearTimeout(timer)
          limit()
        }
      }
      const broke = (error: Error) => {
        if (this.#isReady) failed(CRASHED, `jq has crashed: ${error.message}`)
        else unavailable(error.message)
      }
      const left = () => unavailable('its thread was ended')
      limit()
      worker.on('message', answered).on('error', broke).on('exit', left).ref()
      worker.postMessage({ program, input })
    })
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker
    this.#isReady = false
    try {
      return (this.#worker = this.#start())
    } catch (error) {
      throw new JqUnavailable((error as Error).message)
    }
  }
}

function startedWorker(): Worker {
  return new Worker(new URL('./jq-worker.js', import.meta.url), { name: 'jq' })
}

let shared: JqThread | undefined
let users = 0

/** Returns the thread that all share. `close` says that one of them needs it no more. */
export function sharedJq(): JqRuntime {
  const thread = (shared ??= new JqThread())
  users++
  let isOpen = true
  return {
    run: (program, input) => thread.run(program, input),
    close: async () => {
      if (!isOpen) return
      isOpen = false
      if (--users > 0) return
      shared = undefined
      await thread.close()
    },
  }
}
