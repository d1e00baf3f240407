// THREAD ENTRY. Runs jq for jq-thread.ts, one program after the other, once it is loaded.
import { parentPort } from 'node:worker_threads'
import { jqInput, type JqOutput } from './jq-program.ts'
import { localJq } from './jq-runtime.ts'

/** What the thread is asked. */
export interface JqQuestion {
  readonly program: string
  readonly input: string
}

/** What it says: once that it is ready, and then to each question one of the others. */
export type JqAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'output'; readonly output: JqOutput }
  /** Jq was not run. */
  | { readonly type: 'unavailable'; readonly reason: string }

const jq = localJq()
const say = (answer: JqAnswer): void => parentPort?.postMessage(answer)

const ready = jq.run('.', jqInput([])).then(() => say({ type: 'ready' }))

parentPort?.on('message', ({ program, input }: JqQuestion) => {
  void ready
    .then(() => jq.run(program, input))
    .then(
      (output) => say({ type: 'output', output }),
      (error: unknown) => say({ type: 'unavailable', reason: (error as Error).message }),
    )
})
