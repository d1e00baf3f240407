// Limits how much of an owner's producer table one client can fill. Runs on the owner thread, pure. A new producer is
// refused while its session or its address has used up its share, so that a client cannot crowd out other producers by
// inventing ids. A producer counts for its session until another session uses it, even after the session ends: a
// producer that lost its connection comes back and must be known.

/** The session and address that used a producer last, as the host numbers them. Session 0: not used since the start. */
export interface ProducerOrigin {
  readonly session: number
  readonly address: number
}

/** The part of what other addresses leave that one address may use: the rest is for new addresses. */
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
   * True if one more producer fits into the shares of its session and its address, where `free` places are left in the
   * table. A session may use as many as its address has left: the first session half of it, the next half of the rest,
   * and so on.
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
