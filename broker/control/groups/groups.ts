// All consumer groups of the broker. Runs in the controller. The groups that the store names are read one after the other
// after a start, and at once where one is asked for; each has one change under way at most. One timer looks at all of them:
// leases end, the catalog changes, and loads are balanced.
import { limits } from '../../../protocol/limits.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { SmallRowsStore } from '../../small-rows-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Time } from '../../time.ts'
import { shardsOf, streamNamed } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import { quotaReached, type MadeQuotas } from '../streams/made-quotas.ts'
import { LeaseClock } from './lease-clock.ts'
import { LiveGroup, type LiveGroupOptions } from './live-group.ts'
import { refused, type GroupAnswer, type GroupMessage } from './machine/messages.ts'
import type { FactsOf, GroupState, GroupMoment } from './machine/state.ts'
import { RowBudget } from './row-budget.ts'
import { WaitingSyncs } from './waiting-syncs.ts'

/** Rows that all groups together store at once: far below what the store takes, and many flushes. */
const ROWS_AT_ONCE = 4_000
/**
 * Processes that are started together join within this time, and none of them is given shards for the others. With the time
 * to the next look it is less than a second: a member that joins in place of all others waits for it too.
 */
const GRACE_MS = 500
/** How late the end of a lease may be noticed. */
const TICK_MS = 250

export interface GroupsOptions {
  readonly store: SmallRowsStore
  readonly catalog: Catalog
  readonly time: Time
  readonly instruments: LiveGroupOptions['instruments']
  readonly quotas?: MadeQuotas
  readonly log: Logger
  /** For so long after the first member has joined an empty group, nothing is assigned; half a second by default. */
  readonly graceMs?: number | undefined
}

export class Groups {
  /** Members that wait for a change of their assignment. */
  readonly waiting: WaitingSyncs
  readonly #options: GroupsOptions
  readonly #clock: LeaseClock
  readonly #budget = new RowBudget(ROWS_AT_ONCE)
  readonly #groups = new Map<string, LiveGroup>()
  #cancelTicks: (() => void) | undefined
  /** Who makes the groups that are not stored yet, or were made since the start. */
  readonly #makers = new WeakMap<LiveGroup, string>()
  #isStopped = false

  constructor(options: GroupsOptions) {
    this.#options = options
    this.#clock = new LeaseClock(options.time.elapsed)
    this.waiting = new WaitingSyncs(options.time)
    for (const { key } of options.store.extents('group')) this.#make(key)
  }

  /** Begins to read the groups, and to look after them. */
  start(): void {
    this.#cancelTicks = this.#options.time.every(TICK_MS, () => this.#tick())
    void this.#loadAll()
  }

  /** Refuses everything from now on, and looks after nothing any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTicks?.()
    this.waiting.end()
    for (const group of this.#groups.values()) group.stop()
  }

  /** Answers the members that wait, now and from now on, so that the server can end its sessions. */
  endWaits(): void {
    this.waiting.end()
  }

  /** The moment by which leases end. */
  readonly moment = (): GroupMoment => ({ now: this.#clock.now(), wall: this.#options.time.now() })

  /** Finds the active stream of a name. */
  readonly factsOf: FactsOf = (name) => {
    const { state } = this.#options.catalog
    const stream = streamNamed(state, name)
    if (stream?.status !== 'ACTIVE') return undefined
    return { streamId: stream.id, shards: shardsOf(state, stream.id) }
  }

  /** The names of all groups, in order; some may turn out to be deleted. */
  get names(): readonly string[] {
    return [...this.#groups.keys()].toSorted()
  }

  /** Returns the group as it is on the disk; undefined if there is none. */
  async stateOf(name: string): Promise<GroupState | undefined> {
    const group = this.#groups.get(name)
    if (group === undefined) return undefined
    await group.loaded()
    return group.state
  }

  /** The same, without waiting: undefined also while the group is not read yet. */
  stateNow(name: string): GroupState | undefined {
    return this.#groups.get(name)?.state
  }

  /** Hands a message to a group. If the group does not exist, a message that may make one makes it. */
  async tell(name: string, message: GroupMessage): Promise<GroupAnswer> {
    if (this.#isStopped) throw refusal('unavailable', 'The broker is stopping.')
    const found = this.#groups.get(name)
    if (found === undefined && this.#groups.size >= limits.groupsMax) {
      return refused('limitExceeded', `The limit of ${limits.groupsMax} groups is reached; delete one first.`)
    }
    if (found !== undefined) return found.tell(message)
    const by = 'by' in message ? message.by : undefined
    if (by !== undefined) {
      const most = this.#options.quotas?.mostOf('groups', by) ?? Infinity
      if (most !== Infinity && this.#madeBy(by) >= most) {
        return refused('limitExceeded', quotaReached(by, 'groups', most))
      }
    }
    const made = this.#make(name)
    if (by !== undefined) this.#makers.set(made, by)
    return made.tell(message)
  }

  /** True if the broker may have a group of this name. */
  has(name: string): boolean {
    return this.#groups.has(name)
  }

  /** The groups that there are, as far as they are read, in the order of their names. */
  get states(): readonly GroupState[] {
    return this.names.flatMap((name) => this.stateNow(name) ?? [])
  }

  /** Counts the groups that a principal has made; just after a start, those that were not read yet are missing. */
  #madeBy(principal: string): number {
    let count = 0
    for (const group of this.#groups.values()) {
      if ((group.state?.createdBy ?? this.#makers.get(group)) === principal) count++
    }
    return count
  }

  #make(name: string): LiveGroup {
    const { store, time, instruments, catalog, log, graceMs = GRACE_MS } = this.#options
    const group = new LiveGroup({
      name,
      store,
      budget: this.#budget,
      factsOf: this.factsOf,
      catalog: () => catalog.state,
      graceMs,
      nameOf: (streamId) => catalog.state.streams.get(streamId)?.name,
      moment: this.moment,
      time,
      instruments,
      log,
      onChanged: (memberIds) => this.waiting.wake(name, memberIds),
      onGone: () => {
        if (this.#groups.get(name) === group) this.#groups.delete(name)
      },
    })
    this.#groups.set(name, group)
    return group
  }

  async #loadAll(): Promise<void> {
    for (const group of this.#groups.values()) {
      if (this.#isStopped) return
      try {
        await group.loaded()
      } catch (error) {
        this.#options.log.error({ err: error, group: group.name }, 'a consumer group could not be read')
      }
    }
  }

  #tick(): void {
    // The clock is looked at even where there is no group: it takes a time without a look for a stall.
    this.#clock.now()
    for (const group of this.#groups.values()) group.tick()
  }
}
