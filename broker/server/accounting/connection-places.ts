// The places for connections of a process: who gets one, and who makes room for it where they are short. Runs on the main thread of every
// process that listens. The choice itself is in making-room.ts.
import type { Logger } from 'pino'
import { leastUseful, mayMakeRoom, mayUseReserve, reserveOf, type Occupant } from '../making-room.ts'

/** The warning that connections have to make room is logged at most this often. */
const FULL_WARNING_MS = 60_000

/** Idle connections that are chosen at once to make room: to compare all for each new one costs more than to serve it. */
const CHOSEN_AT_ONCE = 64

/** What is needed to know of a session. */
interface Member {
  readonly address: string
  readonly isClosing: boolean
  readonly hasLeft: boolean
  readonly occupancy: Omit<Occupant, 'address'>
  /** Ends the session because another connection needs its place. */
  leaveFor(message: string): void
}

export interface PlacesOptions<S extends Member> {
  readonly connectionsMax: number
  /** All sessions whose connections are not gone. */
  readonly sessions: ReadonlySet<S>
  readonly log: Logger
  /** Milliseconds counted in sweeps so far. */
  readonly sweptMs: () => number
}

export class ConnectionPlaces<S extends Member> {
  readonly #options: PlacesOptions<S>
  /** Sessions that made room for others and whose connections are not gone yet. */
  #leaving = 0
  /** How many connections each address holds, from accept until they are gone. */
  readonly #heldBy = new Map<string, number>()
  /** Connections that make room for the next ones, in this order, where they are idle by then. Chosen anew at each sweep. */
  readonly #nextToLeave = new Set<S>()
  /** No connection could make room, and none has ended since; forgotten at each sweep. */
  #allAtWork = false
  #warnedAt: number | undefined
  #displaced = 0

  constructor(options: PlacesOptions<S>) {
    this.#options = options
  }

  /** Places in use. */
  get occupied(): number {
    return this.#options.sessions.size - this.#leaving
  }

  /** Finds a place for a connection from `address`; ends an idle one where none is free. False: all are at work. */
  hasRoomFor(address: string): boolean {
    const { connectionsMax } = this.#options
    const free = connectionsMax - this.occupied
    if (free > reserveOf(connectionsMax)) return true
    const held = this.#heldFrom(address)
    if (free > 0 && mayUseReserve(held)) return true
    this.#warnOfFullness(address, held)
    const least = this.#leastUseful()
    if (least === undefined) return false
    this.#leaving++
    least.leaveFor(`This process has ${connectionsMax} connections, its limit, and needs this place.`)
    return true
  }

  joined({ address }: S): void {
    this.#heldBy.set(address, this.#heldFrom(address) + 1)
  }

  gone(session: S): void {
    this.#nextToLeave.delete(session)
    const held = this.#heldFrom(session.address) - 1
    if (held > 0) this.#heldBy.set(session.address, held)
    else this.#heldBy.delete(session.address)
    this.#allAtWork = false
    if (session.hasLeft) this.#leaving--
  }

  sweep(): void {
    this.#nextToLeave.clear()
    this.#allAtWork = false
  }

  #heldFrom(address: string): number {
    return this.#heldBy.get(address) ?? 0
  }

  /** Returns the connection that makes room next; undefined where all are at work. */
  #leastUseful(): S | undefined {
    if (this.#allAtWork) return undefined
    const isIdle = (session: S) => !session.isClosing && mayMakeRoom(session.occupancy)
    for (const next of this.#nextToLeave) {
      this.#nextToLeave.delete(next)
      if (isIdle(next)) return next
    }
    const open = [...this.#options.sessions].filter(({ isClosing }) => !isClosing)
    const occupants = open.map((session) => ({ session, address: session.address, ...session.occupancy }))
    const [least, ...others] = leastUseful(occupants, CHOSEN_AT_ONCE)
    for (const { session } of others) this.#nextToLeave.add(session)
    this.#allAtWork = least === undefined
    return least?.session
  }

  #warnOfFullness(address: string, held: number): void {
    const { connectionsMax, log, sweptMs } = this.#options
    this.#displaced++
    if (this.#warnedAt !== undefined && sweptMs() - this.#warnedAt < FULL_WARNING_MS) return
    const facts = { connections: connectionsMax, comers: this.#displaced, lastFrom: address, held }
    log.warn(facts, 'all connections are in use: idle ones make room for new ones')
    this.#warnedAt = sweptMs()
    this.#displaced = 0
  }
}
