// A group as a loop: `for await (const { records, context } of group.batches())`. Runs in the client. The engine hands its
// batches to a handler that waits until the loop is done with them; so everything else is as with a handler.
import type { StreamRecord } from '../record.ts'
import { deferred, onAbort, type Deferred } from '../waiting.ts'
import type { GroupHandler } from './options.ts'
import type { BatchContext } from './processing/context.ts'

/** Records of one shard, in order, and what a handler would be given with them. */
export interface GroupBatch<T = Uint8Array> {
  /** The records. */
  readonly records: readonly StreamRecord<T>[]
  /** Their shard, its lease, and how to checkpoint in the middle. */
  readonly context: BatchContext<T>
  /**
   * The batch is processed: it is checkpointed, and the next batch of its shard may come. Asking the loop for its next batch
   * does it, too; call it where several batches are processed at a time.
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
    // A batch that the loop has not begun is not begun any more.
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
    // The loop was left in the middle: what it had is not checkpointed, unless the batch was done.
    current?.finished.reject(new Error('the loop was left'))
    if (!isOver) {
      const stopping = options.stop()
      for (const item of queue.splice(0)) item.finished.reject(new Error('the loop was left'))
      await stopping
      await running.catch(() => {})
    }
  }
}
