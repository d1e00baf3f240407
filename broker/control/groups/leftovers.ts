// Rows of a group that say nothing of it as it is: those of a deleted group, of a stream that it began anew, and of
// changes that were interrupted. Runs in the controller. They are found by reading all rows of the group, and removed in
// steps between its changes; the row of a deleted group goes last, so that a restart finds what is left.
import type { SmallRowsStore, SmallWrite } from '../../small-rows-contract.ts'
import { isGarbage } from './machine/rows.ts'
import type { GroupState } from './machine/state.ts'
import { CHANGE_ROWS_MAX, readGroup, type StoredGroup } from './stored-rows.ts'

interface Key {
  readonly family: 'member' | 'lease'
  readonly key: string
}

export interface LeftoversOptions {
  readonly name: string
  readonly store: SmallRowsStore
  readonly pause: () => Promise<void>
}

export class Leftovers {
  readonly #options: LeftoversOptions
  #keys: readonly Key[] | 'unknown' | undefined

  constructor(options: LeftoversOptions) {
    this.#options = options
  }

  /** True if rows may be left to remove. */
  get isAny(): boolean {
    return this.#keys !== undefined
  }

  /** Rows were left behind: they are looked for when there is time. */
  look(): void {
    this.#keys = 'unknown'
  }

  /** Takes note of what is left among the rows that were read. */
  found(rows: StoredGroup, state: GroupState | undefined): void {
    const keys = this.#leftOf(keysIn(rows), state)
    this.#keys = keys.length > 0 || rows.group?.isDeleted === true ? keys : undefined
  }

  /** Returns removals for one change, and what to call once they are stored. */
  async next(state: GroupState | undefined): Promise<{ writes: readonly SmallWrite[]; stored: () => void }> {
    const { name, store, pause } = this.#options
    const keys = this.#keys === 'unknown' ? keysIn(await readGroup(store, name, pause)) : (this.#keys ?? [])
    // Looked at again: a group may have been made anew since they were found.
    const left = this.#leftOf(keys, state)
    const rest = left.slice(CHANGE_ROWS_MAX - 1)
    const isLast = rest.length === 0
    const removed: readonly Pick<SmallWrite, 'family' | 'key'>[] = [
      ...left.slice(0, CHANGE_ROWS_MAX - 1),
      ...(isLast && state === undefined ? [{ family: 'group' as const, key: name }] : []),
    ]
    return {
      writes: removed.map((row) => ({ ...row, value: undefined, expected: undefined })),
      stored: () => {
        this.#keys = isLast ? undefined : rest
      },
    }
  }

  #leftOf(keys: readonly Key[], state: GroupState | undefined): readonly Key[] {
    return keys.filter((key) => isGarbage(this.#options.name, state, key))
  }
}

function keysIn(rows: StoredGroup): readonly Key[] {
  const members = [...rows.members.map(({ key }) => key), ...rows.damagedMembers]
  const leases = [...rows.leases.map(({ key }) => key), ...rows.damagedLeases]
  return [
    ...members.map((key) => ({ family: 'member', key }) as const),
    ...leases.map((key) => ({ family: 'lease', key }) as const),
  ]
}
