// The rows of one group on a disk that can be full, and that a crash leaves between any two changes. Pure.
import * as v from 'valibot'
import { smallFamilies } from '../../../../../../broker/catalog/small-families.ts'
import type { GroupRows } from '../../../../../../broker/control/groups/machine/rows.ts'
import type { SmallWrite } from '../../../../../../broker/small-rows-contract.ts'

/** Far fewer rows than the store takes in one change, so that changes in parts are common. */
export const PART_ROWS = 5

export class ModelStore {
  /** By family and key. */
  readonly rows = new Map<string, SmallWrite>()
  version = 0

  /** Writes rows in parts, the first `partsMax` of them; returns true if that is all of them. */
  write(writes: readonly SmallWrite[], partsMax = Infinity): boolean {
    for (let part = 0; part * PART_ROWS < writes.length; part++) {
      if (part >= partsMax) return false
      this.version++
      for (const row of writes.slice(part * PART_ROWS, (part + 1) * PART_ROWS)) {
        const id = `${row.family} ${row.key}`
        if (row.value !== undefined) v.parse(smallFamilies[row.family].value, row.value)
        if (row.value === undefined) this.rows.delete(id)
        else this.rows.set(id, row)
      }
    }
    return true
  }

  /** The last number that the stored group gave. */
  get counter(): number | undefined {
    const { group } = this.read()
    return group?.counter
  }

  read(): GroupRows {
    const of = <F extends SmallWrite['family']>(family: F): never[] =>
      [...this.rows.values()].filter((row) => row.family === family) as never[]
    const [group] = of('group') as { value: GroupRows['group'] }[]
    return { group: group?.value, members: of('member'), leases: of('lease'), damagedLeases: [] }
  }
}
