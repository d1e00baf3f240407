// One fetch that waits for records: it is in the waiters of all its shards until it is woken, once. Host main thread.
import type { HostedShard, Waiter } from '../shards/hosted-shard.ts'

export class WaitingFetch implements Waiter {
  readonly #shards: readonly HostedShard[]
  readonly #woken: () => void
  #waiting = true

  get shardCount(): number {
    return this.#shards.length
  }

  constructor(shards: readonly HostedShard[], woken: () => void) {
    this.#shards = shards
    this.#woken = woken
    for (const shard of shards) shard.waiters.add(this)
  }

  wake(): void {
    if (!this.#waiting) return
    this.#waiting = false
    for (const shard of this.#shards) shard.waiters.delete(this)
    this.#woken()
  }
}
