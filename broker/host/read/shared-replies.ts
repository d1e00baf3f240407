// Reads of storage that several ask for at the same position: one is made, and all get its reply. Host main thread.
// A reply is kept while somebody who asked for the same is still waiting for his turn, and few are kept at a time.
import type { ReadReply } from '../../threads/reader-contract.ts'

/** Replies that are kept for others, each of up to one delivery. */
const REPLIES_MAX = 16

interface Shared {
  /** How many have asked, and have no reply yet. */
  interest: number
  reply: { readonly bytesMax: number; readonly read: Promise<ReadReply> } | undefined
}

export class SharedReplies {
  /** By slot and number. */
  readonly #asked = new Map<string, Shared>()
  /** Those with a reply, the oldest first. */
  readonly #kept = new Set<Shared>()

  /**
   * Calls `inTurn` with a function that reads: from storage, or what another who asked for the same place has read. It is
   * called when it is the caller's turn, once or, where the first reply was not `good`, several times.
   */
  async share<T>(
    place: { readonly slot: number; readonly from: number },
    inTurn: (read: SharedRead) => Promise<T>,
  ): Promise<T> {
    const key = `${place.slot}/${place.from}`
    const shared = this.#asked.get(key) ?? { interest: 0, reply: undefined }
    this.#asked.set(key, shared)
    shared.interest++
    try {
      return await inTurn((bytesMax, read, isGood) => this.#read(shared, { bytesMax, read, isGood }))
    } finally {
      if (--shared.interest === 0) {
        this.#asked.delete(key)
        this.#kept.delete(shared)
      }
    }
  }

  async #read(
    shared: Shared,
    { bytesMax, read, isGood }: { bytesMax: number; read: () => Promise<ReadReply>; isGood: IsGood },
  ): Promise<ReadReply> {
    const { reply } = shared
    if (reply !== undefined && reply.bytesMax <= bytesMax && reply.bytesMax >= bytesMax / 2) {
      const answer = await reply.read.catch(() => undefined)
      if (answer !== undefined && isGood(answer)) return answer
    }
    const mine = { bytesMax, read: read() }
    this.#keep(shared, mine)
    let good = false
    try {
      const answer = await mine.read
      good = isGood(answer)
      return answer
    } finally {
      // The next attempt must not get it again.
      if (!good && shared.reply === mine) this.#drop(shared)
    }
  }

  #keep(shared: Shared, reply: NonNullable<Shared['reply']>): void {
    shared.reply = reply
    this.#kept.delete(shared)
    this.#kept.add(shared)
    for (const oldest of this.#kept) {
      if (this.#kept.size <= REPLIES_MAX) return
      this.#drop(oldest)
    }
  }

  #drop(shared: Shared): void {
    shared.reply = undefined
    this.#kept.delete(shared)
  }
}

type IsGood = (reply: ReadReply) => boolean

/** Reads up to `bytesMax` bytes by `read`, or returns what another has read; a reply that is not good is given to nobody else. */
export type SharedRead = (
  bytesMax: number,
  read: () => Promise<ReadReply>,
  isGood: IsGood,
) => Promise<ReadReply>
