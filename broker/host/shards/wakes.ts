// Wakes the fetches and subscriptions that wait on a shard. Host main thread.
// Changed shards are gathered during a turn. At its end each waiter on one of them is woken once, after the acknowledgements
// of the same turn have left, and without a timer between.
import { hostLimits } from '../host-limits.ts'
import type { HostedShard, Waiter } from './hosted-shard.ts'
import type { ShardWakes } from './shards-contract.ts'
import type { Time } from '../../time.ts'

export class Wakes implements ShardWakes {
  readonly #time: Time
  #changed = new Set<HostedShard>()
  /** Waiters left over from earlier turns, each once. */
  readonly #due = new Set<Waiter>()
  #scheduled = false

  constructor(time: Time) {
    this.#time = time
  }

  /** Wakes the shard's waiters at the end of this turn. */
  mark(shard: HostedShard): void {
    if (shard.waiters.size === 0) return
    this.#changed.add(shard)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#time.atTurnEnd(() => this.#run())
  }

  #run(): void {
    this.#scheduled = false
    const changed = this.#changed
    this.#changed = new Set()
    for (const shard of changed) for (const waiter of shard.waiters) this.#due.add(waiter)
    let left: number = hostLimits.shardsWokenPerTurn
    for (const waiter of this.#due) {
      if (left <= 0) return this.#schedule()
      left -= waiter.shardCount
      this.#due.delete(waiter)
      waiter.wake()
    }
  }
}
