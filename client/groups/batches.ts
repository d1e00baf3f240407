// A group as a loop: `for await (const { records, context } of group.batches())`. Runs in the client. The engine hands its
// batches to a handler that waits until the loop is done with them. Everything else works as with a handler.
import type { StreamRecord } from '../record.ts'
import { deferred, onAbort, type Deferred } from '../waiting.ts'
import type { GroupHandler } from './options.ts'
import type { BatchContext } from './processing/context.ts'

/** Records of one shard, in order, with the context that a handler would get. */
export interface GroupBatch<T = Uint8Array> {
  /** The records. */
  readonly records: readonly StreamRecord<T>[]
  /** Their shard, its lease, and how to checkpoint in the middle. */
  readonly context: BatchContext<T>
  /**
   * Checkpoints the batch, so that the next batch of its shard may come. The loop calls it when it asks for its next batch;
   * call it yourself if you process several batches at a time.
   */
  done(): void
}

interface Item<T> extends GroupBatch<T> {
  readonly finished: Deferred<void>
}

export interface BatchSourceOptions<T> {
  readonly run: (handler: GroupHandler<T>) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function* groupBatches<T>(
  options: BatchSourceOptions<T>,
): AsyncGenerator<GroupBatch<T>, void, undefined> {
  const queue: Item<T>[] = []
  let arrival = deferred<void>()
  let isOver = false
  let current: Item<T> | undefined
  const running = options.run((records, context) => {
    const finished = deferred<void>()
    const item: Item<T> = { records, context, finished, done: () => finished.resolve() }
    queue.push(item)
    arrival.resolve()
    // A lost shard takes back the batches that the loop has not begun.
    const forget = onAbort(context.signal, () => withdraw(item))
    return finished.promise.finally(forget)
  })
  const withdraw = (item: Item<T>): void => {
    const place = queue.indexOf(item)
    if (place < 0) return
    queue.splice(place, 1)
    item.finished.reject(new Error('the loop has not begun this batch'))
  }
  const end = (): void => {
    isOver = true
    arrival.resolve()
  }
  running.then(end, end)
  try {
    for (;;) {
      const item = queue.shift()
      if (item !== undefined) {
        current = item
        yield item
        item.done()
        current = undefined
      } else if (isOver) break
      else {
        arrival = deferred()
        await arrival.promise
      }
    }
    await running
  } finally {
    // The loop was left in the middle: its last batch is not checkpointed, unless `done` was called.
    current?.finished.reject(new Error('the loop was left'))
    if (!isOver) {
      const stopping = options.stop()
      for (const item of queue.splice(0)) item.finished.reject(new Error('the loop was left'))
      await stopping
      await running.catch(() => {})
    }
  }
}
