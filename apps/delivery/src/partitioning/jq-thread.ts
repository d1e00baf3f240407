// Runs jq in a thread of its own, which all deliveries of the process share: an expression that does not end holds up nobody's event loop,
// and is ended after its time together with the thread. The thread is started by the first run, and ends with the last who needs it.
import { Worker } from 'node:worker_threads'
import type { JqOutput } from './jq-program.ts'
import { CRASHED, ENDLESS, type JqRuntime } from './jq-runtime.ts'

/** Time of one run. A thousand records take five milliseconds. */
const RUN_MS_MAX = 10_000

/** Runs programs one after the other. */
export class JqThread implements JqRuntime {
  readonly #runMsMax: number
  #worker: Worker | undefined
  /** Ends when the run before has. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(runMsMax = RUN_MS_MAX) {
    this.#runMsMax = runMsMax
  }

  /** Fulfils also where jq crashed or did not end: the output says so. */
  run(program: string, input: string): Promise<JqOutput> {
    const output = this.#turn.then(() => this.#asked(program, input))
    this.#turn = output
    return output
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #asked(program: string, input: string): Promise<JqOutput> {
    const worker = (this.#worker ??= startedWorker())
    return new Promise((resolve) => {
      const ended = (output: JqOutput) => {
        clearTimeout(timer)
        worker.off('message', ended).off('error', broke).off('exit', left).unref()
        resolve(output)
      }
      const failed = (exitCode: number, stderr: string) => {
        ended({ stdout: '', stderr, exitCode })
        if (this.#worker === worker) this.#worker = undefined
        // A thread that is being ended may still say why.
        worker.on('error', () => undefined)
        void worker.terminate()
      }
      const broke = (error: Error) => failed(CRASHED, `jq has crashed: ${error.message}`)
      const left = () => failed(CRASHED, 'the thread of jq has ended')
      const timer = setTimeout(
        () => failed(ENDLESS, `the expression has not ended after ${this.#runMsMax / 1000} s`),
        this.#runMsMax,
      )
      worker.on('message', ended).on('error', broke).on('exit', left).ref()
      worker.postMessage({ program, input })
    })
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
