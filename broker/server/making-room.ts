// Which connection makes room for a new one where all are in use. Runs on the main thread of every process that listens, pure.
// A flood of connections that ask for nothing must not lock anyone out: the new one takes the place of the one that has been
// useless for longest, of the address that holds most. A connection at work is never taken.

/** A connection, as far as it matters here. */
export interface Occupant {
  /** The peer's address, without its port. */
  readonly address: string
  /** It has said no hello yet. */
  readonly isGreeting: boolean
  /** It asked for something, beyond hello and pings. */
  readonly hasAsked: boolean
  /** A request is unanswered, or an answer waits to be sent. */
  readonly isBusy: boolean
  /** Milliseconds since it last asked for something or was sent an event; since it was accepted, if never. */
  readonly quietMs: number
}

/** A connection that asked for something is left alone for so long after. */
const AT_WORK_MS = 30_000

/** The occupant to end, or undefined where all are at work. */
export function leastUseful<O extends Occupant>(occupants: readonly O[]): O | undefined {
  const held = new Map<string, number>()
  for (const { address } of occupants) held.set(address, (held.get(address) ?? 0) + 1)
  let least: O | undefined
  for (const occupant of occupants) {
    if (occupant.isBusy || (occupant.hasAsked && occupant.quietMs < AT_WORK_MS)) continue
    if (least === undefined || isLessUseful(occupant, least, held)) least = occupant
  }
  return least
}

function isLessUseful(a: Occupant, b: Occupant, held: ReadonlyMap<string, number>): boolean {
  const [heldByA, heldByB] = [held.get(a.address) ?? 0, held.get(b.address) ?? 0]
  if (heldByA !== heldByB) return heldByA > heldByB
  if (a.hasAsked !== b.hasAsked) return b.hasAsked
  if (a.isGreeting !== b.isGreeting) return a.isGreeting
  return a.quietMs > b.quietMs
}

/** Connections kept for addresses that hold few, of so many in all: one address cannot take them. */
export function reserveOf(connectionsMax: number): number {
  return Math.floor(connectionsMax / 16)
}

/** True if an address that holds so many connections may take one of the reserve. */
export function mayUseReserve(held: number): boolean {
  return held < RESERVED_PER_ADDRESS
}

const RESERVED_PER_ADDRESS = 4
