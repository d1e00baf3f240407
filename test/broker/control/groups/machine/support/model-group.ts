// A group between its catalog and its disk, both of which a test changes. Each committed change is compared with what was
// promised. Pure.
import { advance, renewed, type Told } from '../../../../../../broker/control/groups/machine/advance.ts'
import type { GroupAnswer, GroupMessage } from '../../../../../../broker/control/groups/machine/messages.ts'
import { isGarbage, restored } from '../../../../../../broker/control/groups/machine/rows.ts'
import type { GroupState, GroupMoment } from '../../../../../../broker/control/groups/machine/state.ts'
import type { SmallWrite } from '../../../../../../broker/small-rows-contract.ts'
import { ModelCatalog } from './model-catalog.ts'
import { ModelStore, PART_ROWS } from './model-store.ts'
import { must, Promises } from './promises.ts'

const GROUP = 'g'
const ROWS_MAX = 6
const TAKEN_ROWS_MAX = 3
const GRACE_MS = 500

type Answers = readonly (GroupAnswer | undefined)[]

export class ModelGroup {
  readonly catalog = new ModelCatalog()
  readonly store = new ModelStore()
  state: GroupState | undefined
  now = 1_000
  wall = 1_700_000_000_000
  isFull = false
  /** How many times something was written. */
  commits = 0
  readonly #promises = new Promises(this.catalog)

  get moment(): GroupMoment {
    return { now: this.now, wall: this.wall }
  }

  /**
   * Tells the group, and lets it do what is to be done; returns the answers in order, undefined where there is none.
   * `partsMax`: the first change that has so many parts ends there, and the controller with it.
   */
  tell(messages: readonly GroupMessage[], partsMax = Infinity): Answers {
    const answers: (GroupAnswer | undefined)[] = []
    let waiting: readonly Told[] = messages.map((message) => ({ message, at: this.moment }))
    for (let round = 0; waiting.length > 0 || this.state?.isUnsettled === true; round++) {
      must(round < 1_000, 'the group does not come to rest')
      const { state: before, moment: at } = this
      const next = advance(waiting, this.#options())
      const taken = waiting.slice(0, next.answers.length)
      waiting = waiting.slice(next.answers.length)
      if (next.writes.length > 0 && this.isFull) {
        this.state = renewed(before, taken)
        answers.push(...taken.map(() => undefined))
        if (waiting.length === 0) return answers
        continue
      }
      const end = this.#write(next.writes, partsMax)
      if (end !== 'crashedBetween') {
        this.#promises.committed({ before, after: next.state, taken, answers: next.answers, at })
        this.state = next.state
      } else this.#promises.storedInPart(before, taken, next.answers)
      if (end !== 'written') {
        this.restart(end === 'crashedAfter')
        return [...answers, ...taken.map(() => undefined), ...waiting.map(() => undefined)]
      }
      answers.push(...next.answers)
      if (next.writes.length === 0 && taken.length === 0) break
    }
    if (this.state !== undefined && messages.length > 0) this.#promises.settled(this.state, this.moment)
    return answers
  }

  /** The controller ends, and another one reads what is stored: the same, where no change was under way. */
  restart(isSame = true): void {
    const before = this.state
    this.state = restored(GROUP, this.store.read(), this.moment)
    if (isSame) this.#promises.restored(before, this.state)
    this.#promises.holds(before, this.state)
    this.tell([{ type: 'tick' }])
  }

  /** Removes the rows that say nothing, as the sweep does. */
  sweep(): void {
    for (const [id, { family, key }] of this.store.rows) {
      if (family !== 'group' && family !== 'member' && family !== 'lease') continue
      if (family === 'group' ? this.state === undefined : isGarbage(GROUP, this.state, { family, key })) {
        this.store.rows.delete(id)
      }
    }
  }

  #options(): Parameters<typeof advance>[1] {
    const { store, state, catalog, moment: at } = this
    const rows = { rowsMax: ROWS_MAX, takenRowsMax: TAKEN_ROWS_MAX }
    const seen = { factsOf: catalog.factsOf, catalog: catalog.revision, graceMs: GRACE_MS }
    return { state, name: GROUP, ...seen, version: store.version, ...rows, at }
  }

  #write(writes: readonly SmallWrite[], partsMax: number): 'written' | 'crashedBetween' | 'crashedAfter' {
    if (writes.length === 0) return 'written'
    this.commits++
    this.#checkRows(writes)
    if (!this.store.write(writes, partsMax)) return 'crashedBetween'
    must((this.store.counter ?? 0) <= this.store.version, 'more numbers are given than changes made')
    return Math.ceil(writes.length / PART_ROWS) === partsMax ? 'crashedAfter' : 'written'
  }

  /** No row of a lease goes back. */
  #checkRows(writes: readonly SmallWrite[]): void {
    for (const { family, key, value } of writes) {
      const stored = this.store.rows.get(`${family} ${key}`)?.value
      if (family !== 'lease' || value === undefined || stored === undefined) continue
      const [before, after] = [stored, value] as { next: number | null; epoch: number }[]
      must((after!.next ?? -1) >= (before!.next ?? -1), `${key} goes back to ${after!.next}`)
      must(after!.epoch >= before!.epoch, `the epoch of ${key} goes back`)
    }
  }
}
