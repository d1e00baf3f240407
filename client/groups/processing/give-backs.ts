// How long a member keeps a shard that it cannot go on with, before it gives it back. Runs in the client; pure, but for what it
// remembers. Where the next lease of the shard would fail in the same way, wherever it is, shards given back at once would wander
// from member to member as fast as the broker assigns them.
import { backoffMs } from '../../retry.ts'
import { groupLimits } from '../options.ts'
import type { LeasedShard } from './leased-shard.ts'

interface Failed {
  /** Where the shard stood. */
  readonly stored: number | undefined
  readonly times: number
}

export class GiveBacks {
  readonly #random: () => number
  readonly #failed = new Map<string, Failed>()

  constructor(random: () => number) {
    this.#random = random
  }

  /** Returns for how long to keep a shard that has failed: twice as long each time, while its checkpoint does not move. */
  keptMs({ key, stored }: LeasedShard): number {
    const known = this.#failed.get(key)
    const times = known !== undefined && known.stored === stored ? known.times : 0
    this.#failed.set(key, { stored, times: times + 1 })
    const { giveBackMsMin: backoffMinMs, giveBackMsMax: backoffMaxMs } = groupLimits
    return backoffMs({ backoffMinMs, backoffMaxMs }, times, this.#random)
  }

  /** The lease of the shard has ended in another way. */
  over({ key }: LeasedShard): void {
    this.#failed.delete(key)
  }
}
