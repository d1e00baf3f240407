// One group at work: it tells the machine what comes, stores what the machine says, and only then takes its next state and
// answers. Runs in the controller. While one change is being stored, what comes meanwhile waits for the next one; so the
// state in memory is always the one on the disk. A defect that a message meets is that message's, which is refused; the group is
// read again from its rows, and goes on.
import { refusal } from '../../../protocol/refusal.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { SmallRowsStore, SmallWrite } from '../../small-rows-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Time } from '../../time.ts'
import { advance, MESSAGE_ROWS_MAX, renewed, type Advance, type Told } from './machine/advance.ts'
import { claimed } from './machine/membership.ts'
import type { GroupAnswer, GroupMessage, MemberClaim } from './machine/messages.ts'
import { recoveredGroup, restored } from './machine/rows.ts'
import type { FactsOf, GroupState, GroupMoment } from './machine/state.ts'
import { Leftovers } from './leftovers.ts'
import type { RowBudget } from './row-budget.ts'
import { CHANGE_ROWS_MAX, readGroup, writeRows } from './stored-rows.ts'
import { unstored } from './unstored.ts'

/** Rows that a change is filled with: those of messages, of one more that needs many, and then those of assignments. */
const ROWS_MAX = CHANGE_ROWS_MAX - 8
const TAKEN_ROWS_MAX = ROWS_MAX - MESSAGE_ROWS_MAX - 32
/** After the disk was full, changes without a client's request are tried again after this time. */
const RETRY_MS = 1_000

export interface LiveGroupOptions {
  readonly name: string
  readonly store: SmallRowsStore
  /** Of the rows that all groups together are storing. */
  readonly budget: RowBudget
  readonly factsOf: FactsOf
  /** What the facts are of: another value after each change of them. */
  readonly catalog: () => unknown
  /** For so long after the first member has joined an empty group, nothing is assigned. */
  readonly graceMs: number
  /** The name of an active stream. */
  readonly nameOf: (streamId: number) => string | undefined
  readonly moment: () => GroupMoment
  readonly time: Time
  readonly instruments: Pick<
    Instruments,
    | 'millrace_group_checkpoints_total'
    | 'millrace_group_assignments_total'
    | 'millrace_group_moves_total'
    | 'millrace_group_members_expired_total'
    | 'millrace_group_defects_total'
  >
  readonly log: Logger
  /** Called when members of the group are concerned by a change, or are gone. */
  readonly onChanged: (memberIds: ReadonlySet<string>) => void
  /** Called when the group does not exist, and has left nothing on the disk: forget it. */
  readonly onGone: () => void
}

interface Waiting extends Told {
  readonly resolve: (answer: GroupAnswer) => void
  readonly reject: (error: Error) => void
}

export class LiveGroup {
  readonly #options: LiveGroupOptions
  #state: GroupState | undefined
  #isLoaded = false
  #loading: Promise<void> | undefined
  #isRunning = false
  #ended: Error | undefined
  readonly #waiting: Waiting[] = []
  /** The messages of the change under way. */
  #taken: readonly Waiting[] = []
  #retryAt = -Infinity
  /** Messages at the head of those that wait which are taken one by one, so that one with a defect harms no other. */
  #singly = 0
  readonly #leftovers: Leftovers

  constructor(options: LiveGroupOptions) {
    this.#options = options
    this.#leftovers = new Leftovers({ name: options.name, store: options.store, pause: this.#pause })
  }

  get name(): string {
    return this.#options.name
  }

  /** The group as it is on the disk; undefined if there is none, or it is not loaded yet. */
  get state(): GroupState | undefined {
    return this.#state
  }

  /** Fulfils when the state is read. */
  loaded(): Promise<void> {
    return (this.#loading ??= this.#load().catch((error: unknown) => {
      // It is tried again when somebody asks the next time.
      this.#loading = undefined
      throw error
    }))
  }

  /** Hands a message to the group; fulfils with the answer when its change is durable. Rejects if the rows cannot be stored. */
  tell(message: GroupMessage): Promise<GroupAnswer> {
    const at = this.#options.moment()
    const { promise, resolve, reject } = deferred<GroupAnswer>()
    const entry = { message, at, resolve, reject }
    this.#waiting.push(entry)
    if (!this.#isRunning) void this.#run()
    else if (message.type === 'renew' && this.#isRenewed(message)) {
      // A slow disk ends no lease: the answer tells nothing that is being stored.
      resolve({ is: 'done' })
    }
    return promise
  }

  /** True if each renewal of the member that waits has come before its lease ended, and so will be taken. */
  #isRenewed(claim: MemberClaim): boolean {
    const member = claimed(this.#state, claim)
    if (member === undefined) return false
    let { renewedAt } = member
    for (const { message, at } of this.#waiting) {
      if (message.type !== 'renew' || message.memberId !== claim.memberId) continue
      if (at.now >= renewedAt + member.leaseMs) return false
      renewedAt = at.now
    }
    return true
  }

  /** Looks whether something is due, without being asked: also whether the catalog has changed since the last look. */
  tick(): void {
    const state = this.#state
    if (!this.#isLoaded || this.#isRunning || this.#ended !== undefined) return
    const { moment, catalog } = this.#options
    const { now } = moment()
    if (now < this.#retryAt) return
    const isBehind = state !== undefined && state.followed !== catalog()
    const isDue = state !== undefined && (now >= state.expiresAt || now >= state.lookAt || state.isUnsettled)
    if (!isDue && !isBehind && !this.#leftovers.isAny) return
    this.tell({ type: 'tick' }).catch(() => {})
  }

  /** Refuses everything from now on. */
  stop(): void {
    this.#ended ??= refusal('unavailable', 'The broker is stopping.')
    if (!this.#isRunning) this.#refuseAll(this.#ended)
  }

  readonly #pause = (): Promise<void> => new Promise((resolve) => this.#options.time.atTurnEnd(resolve))

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      if (!this.#isLoaded) await this.loaded()
      // What comes while a round ends is not left waiting: from this check to the end of the run nothing else happens.
      while (this.#ended === undefined && ((await this.#round()) || this.#waiting.length > 0));
    } catch (error) {
      this.#options.log.error({ err: error, group: this.name }, 'a consumer group cannot go on')
      const reason = this.#reasonOf(error)
      if (isEndOfStore(error)) this.#ended ??= reason
      for (const { reject } of this.#taken) reject(reason)
      this.#refuseAll(reason)
    }
    this.#taken = []
    this.#isRunning = false
    if (this.#ended !== undefined) this.#refuseAll(this.#ended)
    else if (this.#isLoaded && this.#state === undefined && !this.#leftovers.isAny) this.#options.onGone()
  }

  /** Makes one change; returns false if there is nothing to do. */
  async #round(): Promise<boolean> {
    const { now } = this.#options.moment()
    const isUnsettled = this.#state?.isUnsettled === true && now >= this.#retryAt
    if (this.#waiting.length === 0 && !isUnsettled) {
      return this.#leftovers.isAny && now >= this.#retryAt && (await this.#sweep())
    }
    this.#taken = []
    try {
      const next = this.#advance(this.#singly > 0 ? this.#waiting.slice(0, 1) : this.#waiting)
      const taken = (this.#taken = this.#waiting.splice(0, next.answers.length))
      this.#singly = Math.max(0, this.#singly - taken.length)
      if (next.writes.length > 0) {
        const is = await this.#stored(next.writes)
        if (is !== 'stored') return await this.#failed(is, taken)
      }
      this.#take(next, taken)
      return next.writes.length > 0 || taken.length > 0
    } catch (error) {
      if (isEndOfStore(error)) throw error
      return this.#mend(error)
    }
  }

  /** Meets a defect: refuses the message that has it, if it is known, and reads the group again. Returns whether to go on. */
  async #mend(error: unknown): Promise<boolean> {
    const { log, instruments, moment } = this.#options
    instruments.millrace_group_defects_total.add(1)
    // Nothing of a change that the machine could not make is stored; of one that the store refused, a part may be.
    const isWriting = this.#taken.length > 0
    const isUnknown = !isWriting && this.#singly === 0 && this.#waiting.length > 1
    const culprits = isWriting ? this.#taken : isUnknown ? [] : this.#waiting.splice(0, 1)
    this.#taken = []
    this.#singly = isUnknown ? this.#waiting.length : Math.max(0, this.#singly - 1)
    const { now } = moment()
    const reason = this.#reasonOf(error)
    for (const { reject } of culprits) reject(reason)
    if (isWriting || now >= this.#retryAt) {
      this.#retryAt = now + RETRY_MS
      const messages = culprits.map(({ message }) => message.type)
      log.error(
        { err: error, group: this.name, messages },
        'a consumer group met a defect, and is read again',
      )
      await this.#reload()
    }
    return this.#waiting.length > 0
  }

  #advance(messages: readonly Told[]): Advance {
    const { name, factsOf, store, moment, catalog, graceMs } = this.#options
    const options = {
      name,
      factsOf,
      catalog: catalog(),
      graceMs,
      version: store.version,
      rowsMax: ROWS_MAX,
      takenRowsMax: TAKEN_ROWS_MAX,
      at: moment(),
    }
    return advance(messages, { ...options, state: this.#state })
  }

  /** Stores rows. A closed store or a failed flush ends the group, because it is unknown what is stored. */
  async #stored(writes: readonly SmallWrite[]): Promise<'stored' | 'noRoom' | 'partly' | 'overloaded'> {
    try {
      const { store, budget } = this.#options
      return await budget.run(writes.length, () => writeRows(store, writes))
    } catch (error) {
      if (!MillraceError.is(error, 'overloaded')) throw error
      return writes.length > CHANGE_ROWS_MAX ? 'partly' : 'overloaded'
    }
  }

  /** What is told: that the store has failed or is closed, or that this group met a defect. */
  #reasonOf(error: unknown): Error {
    if (isEndOfStore(error)) return error
    const message = `Group ${this.name} met a defect, and is read again from the disk; the broker's log says more.`
    return refusal('internal', message, { cause: error })
  }

  #take({ state, answers, changed, hasGarbage, events }: Advance, taken: readonly Waiting[]): void {
    const { instruments, onChanged } = this.#options
    this.#state = state
    if (hasGarbage) this.#leftovers.look()
    instruments.millrace_group_checkpoints_total.add(events.checkpoints)
    instruments.millrace_group_assignments_total.add(events.assigned)
    instruments.millrace_group_moves_total.add(events.revoked)
    instruments.millrace_group_members_expired_total.add(events.expired)
    for (const [place, { resolve }] of taken.entries()) resolve(answers[place]!)
    if (changed.size > 0) onChanged(changed)
  }

  /** The rows found no room, or only some did: the messages are refused, and renewals alone count. */
  async #failed(is: 'noRoom' | 'partly' | 'overloaded', taken: readonly Waiting[]): Promise<boolean> {
    const { moment, log } = this.#options
    this.#retryAt = moment().now + RETRY_MS
    if (is === 'partly') {
      log.warn({ group: this.name }, 'a change of a consumer group was stored in part, and is read again')
      await this.#reload()
    } else this.#state = renewed(this.#state, taken)
    for (const { message, resolve } of taken) resolve(unstored(this.name, this.#state, message, is))
    return this.#waiting.length > 0
  }

  /** Reads the group anew. Where that fails, what is in memory counts for nothing: the next message has it read. */
  #reload(): Promise<void> {
    this.#isLoaded = false
    this.#loading = undefined
    return this.loaded()
  }

  async #load(): Promise<void> {
    const { name, store, moment, nameOf, log } = this.#options
    const rows = await readGroup(store, name, this.#pause)
    const { isGroupDamaged, damagedLeases, damagedMembers } = rows
    if (isGroupDamaged || damagedLeases.length > 0 || damagedMembers.length > 0) {
      const damaged = { group: name, isGroupDamaged, damagedLeases, damagedMembers }
      log.error(
        damaged,
        'rows of a consumer group are damaged: what they said of checkpoints may be processed again',
      )
    }
    const at = moment()
    const group = isGroupDamaged
      ? recoveredGroup(name, rows, { version: store.version, at, nameOf })
      : rows.group
    this.#state = restored(name, { ...rows, group }, at)
    this.#leftovers.found(rows, this.#state)
    this.#isLoaded = true
  }

  /** Removes some of the rows that say nothing; returns whether there may be more to do. */
  async #sweep(): Promise<boolean> {
    const { writes, stored } = await this.#leftovers.next(this.#state)
    if (writes.length > 0 && (await this.#stored(writes)) !== 'stored') {
      this.#retryAt = this.#options.moment().now + RETRY_MS
      return false
    }
    stored()
    return true
  }

  #refuseAll(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

/** True if the store has failed or is closed: nobody knows what is stored, and nothing more is. */
function isEndOfStore(error: unknown): error is MillraceError {
  return MillraceError.is(error, 'outcomeUnknown') || MillraceError.is(error, 'unavailable')
}

function deferred<T>(): {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
} {
  let resolve: (value: T) => void
  let reject: (error: Error) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve: resolve!, reject: reject! }
}
