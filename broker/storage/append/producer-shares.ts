// Limits how much of an owner's producer table one client can fill. Runs on the owner thread, pure. A new producer is
// refused while its holder or its address has used up its share, so that a client cannot crowd out other producers by
// inventing ids; also while its holder has as many as its quota allows. A producer counts for its holder until another one
// uses it, even after the session ends: a producer that lost its connection comes back and must be known.

/** Who used a producer last, and from where. */
export interface ProducerOrigin {
  /** The number of the principal, or of the session where nobody said who asks. 0: not used since the start. */
  readonly holder: number
  readonly address: number
  /** Producers that the holder may have by its quota; 0: no quota. */
  readonly most: number
}

/** The part of what other addresses leave that one address may use: the rest is for new addresses. */
const ADDRESS_PART = 7 / 8

export class ProducerShares {
  readonly #byHolder = new Map<number, number>()
  readonly #byAddress = new Map<number, number>()

  take({ holder, address }: ProducerOrigin): void {
    if (holder === 0) return
    add(this.#byHolder, holder, 1)
    add(this.#byAddress, address, 1)
  }

  give({ holder, address }: ProducerOrigin): void {
    if (holder === 0) return
    add(this.#byHolder, holder, -1)
    add(this.#byAddress, address, -1)
  }

  /**
   * True if one more producer fits into the quota of its holder and into the shares of its holder and its address, where
   * `free` places are left in the table. A holder may use as many as its address has left: the first one half of it, the next half of the rest, and so on.
   */
  admits({ holder, address, most }: ProducerOrigin, free: number): boolean {
    if (holder === 0) return free > 0
    const ofAddress = this.#byAddress.get(address) ?? 0
    const left = Math.ceil((ofAddress + free) * ADDRESS_PART) - ofAddress
    const ofHolder = this.#byHolder.get(holder) ?? 0
    return free > 0 && ofHolder < left && (most === 0 || ofHolder < most)
  }
}

function add(counts: Map<number, number>, key: number, amount: number): void {
  const count = (counts.get(key) ?? 0) + amount
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
