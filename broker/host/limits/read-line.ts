// Subscriptions without a consumer, in line for what their shard's limit of reads allows. Host main thread.
// They share that limit with each other and with fetches. One is served after the other, so that none takes it all; and where a
// fetch was refused meanwhile, the line lets it go first for a moment, in turns, because a fetch has to come again.
import type { Time } from '../../time.ts'
import { hostLimits } from '../host-limits.ts'
import type { Pace } from './subscription-pace.ts'
import type { Throttle } from './throttle.ts'

/** The shard whose limit is shared; it has no throttle while reads are not limited. */
export interface ReadShard {
  readonly readThrottle: Throttle | undefined
}

export class ReadLine implements Pace {
  readonly #shard: ReadShard
  readonly #time: Pick<Time, 'elapsed' | 'after'>
  readonly #waiting = new Set<() => void>()
  #cancelTimer: (() => void) | undefined
  /** True while the first in line has its turn. */
  #isServing = false
  /** The refusals of fetches that the line has let go first. */
  #yieldedTo = 0
  /** True if somebody was served since then: fetches and the line take turns. */
  #hasServed = true

  constructor(shard: ReadShard, time: Pick<Time, 'elapsed' | 'after'>) {
    this.#shard = shard
    this.#time = time
  }

  get mustWait(): boolean {
    return (!this.#isServing && this.#waiting.size > 0) || this.#waitMs > 0
  }

  get deliveryBytes(): number {
    return this.#shard.readThrottle?.bytesPerSecond || Infinity
  }

  wait(task: () => void): () => void {
    // Two waits of one subscription are two tasks.
    const entry = (): void => task()
    this.#waiting.add(entry)
    this.#schedule(this.#waitMs)
    return () => {
      this.#waiting.delete(entry)
      if (this.#waiting.size === 0) this.#stop()
    }
  }

  sent(bytes: number): void {
    this.#shard.readThrottle?.take(bytes, 0, this.#time.elapsed())
  }

  get #waitMs(): number {
    return this.#shard.readThrottle?.bytesWaitMs(this.#time.elapsed()) ?? 0
  }

  /** Looks after a time, at most after `paceCheckMs`, because the limit may be raised during a long wait. */
  #schedule(ms: number): void {
    this.#cancelTimer ??= this.#time.after(Math.min(ms, hostLimits.paceCheckMs), () => this.#look())
  }

  #stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #look(): void {
    this.#cancelTimer = undefined
    const { fetchesRefused = 0 } = this.#shard.readThrottle ?? {}
    if (fetchesRefused > this.#yieldedTo && this.#hasServed && this.#waitMs === 0) {
      this.#yieldedTo = fetchesRefused
      this.#hasServed = false
      return this.#schedule(hostLimits.yieldToFetchMs)
    }
    for (const entry of this.#waiting) {
      if (this.#waitMs > 0) break
      this.#waiting.delete(entry)
      this.#hasServed = true
      this.#isServing = true
      entry()
      this.#isServing = false
    }
    if (this.#waiting.size > 0) this.#schedule(this.#waitMs)
  }
}
