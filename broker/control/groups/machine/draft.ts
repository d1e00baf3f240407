// The next state of a group while one change of it is being made: the state so far, the rows to write, the members that
// are to be told. Runs in the controller; pure, as seen from `advance`, which makes the draft and throws it away.
import type { SmallWrite } from '../../../small-rows-contract.ts'
import { groupRow, leaseKey, leaseRow, memberKey, memberRow } from './rows.ts'
import type { FactsOf, GroupState, GroupStream, Lease, Member, GroupMoment, WantedStream } from './state.ts'

/** What happened, for the metrics. */
export interface GroupEvents {
  checkpoints: number
  assigned: number
  revoked: number
  expired: number
}

export interface DraftOptions {
  readonly state: GroupState | undefined
  readonly name: string
  readonly factsOf: FactsOf
  /** The version of the store: above every number that an earlier group of the name gave. */
  readonly version: number
  /** Rows that one change should hold. */
  readonly rowsMax: number
  /** What the facts are of: another value after each change of them. */
  readonly catalog: unknown
  /** For so long after the first member has joined an empty group, nothing is assigned. */
  readonly graceMs: number
}

export class Draft {
  readonly name: string
  readonly factsOf: FactsOf
  readonly catalog: unknown
  readonly graceMs: number
  /** The moment of the message that is being taken. */
  at: GroupMoment = { now: 0, wall: 0 }
  readonly events: GroupEvents = { checkpoints: 0, assigned: 0, revoked: 0, expired: 0 }
  /** Members for which something has changed. */
  readonly changed = new Set<string>()
  /** Rows were left behind that no state has: a sweep removes them. */
  hasGarbage = false
  #state: GroupState | undefined
  #number: number | undefined
  readonly #version: number
  readonly #rowsMax: number
  readonly #before: GroupState | undefined
  readonly #rows = new Map<string, SmallWrite>()

  constructor({ state, name, factsOf, version, rowsMax, catalog, graceMs }: DraftOptions) {
    this.#state = state
    this.#before = state
    this.name = name
    this.factsOf = factsOf
    this.catalog = catalog
    this.graceMs = graceMs
    this.#version = version
    this.#rowsMax = rowsMax
  }

  get found(): GroupState | undefined {
    return this.#state
  }

  /** The group, which must exist. */
  get state(): GroupState {
    if (this.#state === undefined) throw new Error(`group ${this.name} does not exist`)
    return this.#state
  }

  /** How many more rows this change should hold. */
  get room(): number {
    return this.#rowsMax - this.#rows.size
  }

  get rowCount(): number {
    return this.#rows.size
  }

  /** True if there is room for the row of a lease, or the row is in this change already. */
  hasRoomFor(name: string, shardIndex: number): boolean {
    if (this.room > 0) return true
    return this.#rows.has(`lease ${leaseKey(this.name, this.stream(name), shardIndex)}`)
  }

  set(changes: Partial<GroupState>): void {
    this.#state = { ...this.state, ...changes }
  }

  create(state: Omit<GroupState, 'name' | 'since' | 'counter'>): void {
    // The counter never starts again: a delayed request of a deleted group must not fit its successor.
    const since = Math.max(this.#version, this.#before?.counter ?? 0)
    this.#state = { ...state, name: this.name, since, counter: since }
  }

  delete(): void {
    for (const memberId of this.state.members.keys()) this.changed.add(memberId)
    this.#state = undefined
    this.#rows.clear()
    this.hasGarbage = true
  }

  /** The number that this change gives to everything that it begins. */
  number(): number {
    if (this.#number === undefined || this.#number > this.state.counter) {
      this.#number = this.state.counter + 1
      this.set({ counter: this.#number })
    }
    return this.#number
  }

  putMember(member: Member, isStored: boolean): void {
    const known = this.state.members.get(member.memberId)
    if (known?.streams !== member.streams) {
      this.#want(known?.streams ?? [], -1)
      this.#want(member.streams, 1)
    }
    this.set({ members: this.state.members.set(member.memberId, member) })
    if (isStored) this.#write(memberRow(this.name, member))
  }

  removeMember(memberId: string): void {
    this.#want(this.state.members.get(memberId)?.streams ?? [], -1)
    this.set({ members: this.state.members.delete(memberId) })
    this.#write({
      family: 'member',
      key: memberKey(this.name, memberId),
      value: undefined,
      expected: undefined,
    })
    this.changed.add(memberId)
  }

  putStream(stream: GroupStream): void {
    this.set({ streams: this.state.streams.set(stream.name, stream) })
  }

  removeStream(name: string): void {
    this.set({ streams: this.state.streams.delete(name) })
  }

  /** Returns the stream as it is now. */
  stream(name: string): GroupStream {
    const stream = this.state.streams.get(name)
    if (stream === undefined) throw new Error(`group ${this.name} does not read stream ${name}`)
    return stream
  }

  putLease(name: string, lease: Lease, isStored: boolean): void {
    const stream = this.stream(name)
    this.putStream({ ...stream, leases: stream.leases.set(lease.shardIndex, lease) })
    if (isStored) this.#write(leaseRow(this.state, stream, lease))
  }

  removeLease(name: string, shardIndex: number): void {
    const stream = this.stream(name)
    this.putStream({ ...stream, leases: stream.leases.delete(shardIndex) })
    const key = leaseKey(this.name, stream, shardIndex)
    this.#write({ family: 'lease', key, value: undefined, expected: undefined })
  }

  unsettle(): void {
    if (!this.state.isUnsettled) this.set({ isUnsettled: true })
  }

  /** The rows to write. That of the group is the last one: what it does not name counts for nothing. */
  writes(): readonly SmallWrite[] {
    const [before, after] = [this.#before, this.#state]
    const rows = [...this.#rows.values()]
    if (isSameGroup(before, after)) return rows
    if (after !== undefined) return [...rows, groupRow(after, false)]
    return before === undefined ? rows : [...rows, groupRow(before, true)]
  }

  #want(streams: readonly WantedStream[], by: number): void {
    let { wanted } = this.state
    for (const { name } of streams) {
      const count = (wanted.get(name) ?? 0) + by
      wanted = count === 0 ? wanted.delete(name) : wanted.set(name, count)
    }
    this.set({ wanted })
  }

  #write(row: SmallWrite): void {
    this.#rows.set(`${row.family} ${row.key}`, row)
  }
}

/** True if the row of the group is the same before and after. */
function isSameGroup(before: GroupState | undefined, after: GroupState | undefined): boolean {
  if (before === undefined || after === undefined) return before === after
  if (
    before.counter !== after.counter ||
    before.isPaused !== after.isPaused ||
    before.since !== after.since ||
    before.gone !== after.gone
  ) {
    return false
  }
  if (before.streams === after.streams) return true
  if (before.streams.size !== after.streams.size) return false
  for (const stream of after.streams.values()) {
    const known = before.streams.get(stream.name)
    if (known?.generation !== stream.generation || known.shardsBelow !== stream.shardsBelow) return false
  }
  return true
}
