// Which connection makes room for a new one when all are in use. Runs on the main thread of every process that listens;
// pure. A flood of idle connections must not lock other clients out: the new connection takes the place of the one that has
// been idle for longest, of the address that holds most. A connection at work never loses its place.

/** What this decision needs to know of a connection. */
export interface Occupant {
  /** The peer's address, without its port. */
  readonly address: string
  /** The client has sent no hello yet. */
  readonly isGreeting: boolean
  /** The client has sent a request other than hello and ping. */
  readonly hasAsked: boolean
  /** A request is unanswered, or an answer waits to be sent. */
  readonly isBusy: boolean
  /** Milliseconds since the client last asked for something or was sent an event; since its accept, if never. */
  readonly quietMs: number
}

/** A connection that has asked for something counts as at work for this long after its last activity. */
const AT_WORK_MS = 30_000

/** True for an occupant that may be ended; false for one at work. */
export function mayMakeRoom({ isBusy, hasAsked, quietMs }: Omit<Occupant, 'address'>): boolean {
  return !isBusy && !(hasAsked && quietMs < AT_WORK_MS)
}

/** Returns up to `count` occupants to end, in this order; none where all are at work. */
export function leastUseful<O extends Occupant>(occupants: readonly O[], count: number): O[] {
  const held = new Map<string, number>()
  for (const { address } of occupants) held.set(address, (held.get(address) ?? 0) + 1)
  return occupants
    .filter(mayMakeRoom)
    .sort((a, b) => byUse(a, b, held))
    .slice(0, count)
}

/** Below 0 if `a` is of less use than `b`. */
function byUse(a: Occupant, b: Occupant, held: ReadonlyMap<string, number>): number {
  return (
    (held.get(b.address) ?? 0) - (held.get(a.address) ?? 0) ||
    Number(a.hasAsked) - Number(b.hasAsked) ||
    Number(b.isGreeting) - Number(a.isGreeting) ||
    b.quietMs - a.quietMs
  )
}

/** Returns how many of `connectionsMax` are reserved for addresses that hold few: one address cannot take them all. */
export function reserveOf(connectionsMax: number): number {
  return Math.floor(connectionsMax / 16)
}

/** True if an address that holds `held` connections may take one of the reserve. */
export function mayUseReserve(held: number): boolean {
  return held < RESERVED_PER_ADDRESS
}

const RESERVED_PER_ADDRESS = 4
