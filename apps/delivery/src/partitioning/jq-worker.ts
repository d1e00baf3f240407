// THREAD ENTRY. Runs jq for jq-thread.ts, one program after the other.
import { parentPort } from 'node:worker_threads'
import { localJq } from './jq-runtime.ts'

/** What the thread is asked. */
export interface JqQuestion {
  readonly program: string
  readonly input: string
}

const jq = localJq()

parentPort?.on('message', ({ program, input }: JqQuestion) => {
  void jq.run(program, input).then((output) => parentPort?.postMessage(output))
})
