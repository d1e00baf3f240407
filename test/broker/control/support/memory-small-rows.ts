// A store of small rows in memory that outlives its controllers. Like the store on the disk, it decides changes in the order
// of asking, and all that were asked for by the end of a turn become durable, and visible, at once.
import { decide } from '../../../../broker/storage/small-rows/decisions.ts'
import {
  decodeSmallRow,
  encodeSmallKey,
  encodeWrite,
  extentOf,
  smallRangeOf,
  versionOf,
  type EncodedWrite,
} from '../../../../broker/storage/small-rows/row-bytes.ts'
import type { SmallFamilyName } from '../../../../broker/catalog/small-families.ts'
import type {
  SmallOutcome,
  SmallPage,
  SmallRowsStore,
  SmallWrite,
} from '../../../../broker/small-rows-contract.ts'

interface Waiting {
  readonly change: readonly EncodedWrite[]
  readonly resolve: (outcome: SmallOutcome) => void
  readonly reject: (error: Error) => void
}

interface Stored {
  readonly key: Buffer
  readonly value: Buffer
}

export class MemorySmallRows {
  /** By key in hex. */
  readonly #rows = new Map<string, Stored>()
  #nextVersion = 1
  #waiting: Waiting[] = []
  /** True: the disk is full. */
  isFull = false
  /** Waits before each flush. */
  beforeFlush: () => Promise<unknown> = () => new Promise(setImmediate)

  open(): SmallRowsStore {
    const lastVersion = (): number => this.#nextVersion - 1
    const list: SmallRowsStore['list'] = (family, page) => {
      const found = this.#found(family, page).slice(0, page.limit)
      return found.map((row) => decodeSmallRow(family, row))
    }
    return {
      get version() {
        return lastVersion()
      },
      get: (family, key) => {
        const row = this.#rows.get(encodeSmallKey(family, key).toString('hex'))
        return row && decodeSmallRow(family, row)
      },
      list,
      extents: (family) => this.#found(family, { limit: Infinity }).map(extentOf),
      change: (writes) => this.#change(writes),
      close: () => Promise.resolve(),
    }
  }

  #found(family: SmallFamilyName, { prefix = '', after }: SmallPage): Stored[] {
    const { start, end } = smallRangeOf(family, prefix)
    const from = after === undefined ? undefined : encodeSmallKey(family, after)
    return [...this.#rows.values()]
      .filter(({ key }) => Buffer.compare(key, start) >= 0 && Buffer.compare(key, Buffer.from(end)) < 0)
      .filter(({ key }) => from === undefined || Buffer.compare(key, from) > 0)
      .toSorted((a, b) => Buffer.compare(a.key, b.key))
  }

  async #change(writes: readonly SmallWrite[]): Promise<SmallOutcome> {
    const change = writes.map(encodeWrite)
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ change, resolve, reject }) === 1)
        void this.beforeFlush().then(() => this.#flush())
    })
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (this.isFull) {
      for (const { resolve } of waiting) resolve({ is: 'noRoom' })
      return
    }
    const storedVersion = (key: Buffer): number => {
      const row = this.#rows.get(key.toString('hex'))
      return row === undefined ? 0 : versionOf(row.key, row.value)
    }
    const changes = waiting.map(({ change }) => change)
    const { writes, outcomes, nextVersion } = decide(changes, {
      nextVersion: this.#nextVersion,
      storedVersion,
    })
    for (const [id, { key, value }] of writes) {
      if (value === undefined) this.#rows.delete(id)
      else this.#rows.set(id, { key, value })
    }
    this.#nextVersion = nextVersion
    for (const [place, { resolve, reject }] of waiting.entries()) {
      const outcome = outcomes[place]!
      if (outcome instanceof Error) reject(outcome)
      else resolve(outcome)
    }
  }
}
