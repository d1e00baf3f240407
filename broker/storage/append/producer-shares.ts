// How much of an owner's table of producers one client may fill. Runs on the owner thread, pure.
// A new producer is refused while its session or its address holds its share, so that nobody can keep the producers of others out
// by inventing ids. What is held counts for its session until another session uses it, and outlives the session: a producer
// that lost its connection comes back and must be known.

/** Who used a producer last. Numbers, each of one session or address of the host; session 0 is nobody: not known since the start. */
export interface ProducerOrigin {
  readonly session: number
  readonly address: number
}

/** Of what other addresses leave, an address may hold so much: some room is left for one that comes new. */
const ADDRESS_PART = 7 / 8

export class ProducerShares {
  readonly #bySession = new Map<number, number>()
  readonly #byAddress = new Map<number, number>()

  take({ session, address }: ProducerOrigin): void {
    if (session === 0) return
    add(this.#bySession, session, 1)
    add(this.#byAddress, address, 1)
  }

  give({ session, address }: ProducerOrigin): void {
    if (session === 0) return
    add(this.#bySession, session, -1)
    add(this.#byAddress, address, -1)
  }

  /**
   * True if one more fits into the shares of its session and its address, where `free` are left of all. A session holds no
   * more than its address may still take: the first one half of that, the next one half of the rest, and so on.
   */
  admits({ session, address }: ProducerOrigin, free: number): boolean {
    if (session === 0) return free > 0
    const ofAddress = this.#byAddress.get(address) ?? 0
    const left = Math.ceil((ofAddress + free) * ADDRESS_PART) - ofAddress
    return free > 0 && (this.#bySession.get(session) ?? 0) < left
  }
}

function add(counts: Map<number, number>, key: number, amount: number): void {
  const count = (counts.get(key) ?? 0) + amount
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
