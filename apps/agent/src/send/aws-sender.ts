// Sends to an endpoint of AWS' protocol, at least once: a request whose answer is lost is sent again. Of a chunk that met a fault, what was
// accepted is not sent again by this run of the agent; after a crash all of it is.
import type { Chunk } from '../flows/chunk.ts'
import type { AwsCalls } from './aws-calls.ts'
import { putAll, type PutEntry, type PutOptions } from './put-all.ts'
import type { Sender, SendOptions } from './sender.ts'

export type AwsSenderOptions = Pick<PutOptions, 'backoff' | 'events' | 'wait' | 'random'> & {
  readonly calls: AwsCalls
}

export class AwsSender implements Sender {
  readonly #options: AwsSenderOptions
  /** What is left of chunks that met a fault. */
  readonly #left = new WeakMap<Chunk, PutEntry[]>()

  constructor(options: AwsSenderOptions) {
    this.#options = options
  }

  async send(chunk: Chunk, { signal }: SendOptions): Promise<void> {
    const { calls, ...options } = this.#options
    const left =
      this.#left.get(chunk) ?? chunk.records.map(({ data, partitionKey }) => ({ data, partitionKey }))
    this.#left.set(chunk, left)
    await putAll(left, { ...options, ...calls, signal })
    this.#left.delete(chunk)
  }

  /** No plan is ever kept for such a destination; one of an earlier destination of the flow says nothing here. */
  resume(_plan: unknown, chunk: Chunk, options: SendOptions): Promise<void> {
    return this.send(chunk, options)
  }

  check(signal: AbortSignal): Promise<string | undefined> {
    return this.#options.calls.check(signal)
  }

  close(): Promise<void> {
    this.#options.calls.close()
    return Promise.resolve()
  }
}
