// A catalog store in memory that outlives its controllers, and fails where a test says so.
import type { CatalogChange, CatalogRow, CatalogStore } from '../../../../broker/catalog-contract.ts'

export class MemoryCatalog {
  readonly #rows = new Map<string, CatalogRow>()
  /** Every successful commit, as text: `put stream CREATING`. */
  readonly commits: string[][] = []
  /** Called before each commit; a rejection fails it. `true`: it fails after it was stored. */
  beforeCommit: (changes: readonly CatalogChange[]) => Promise<boolean | void> = () => Promise.resolve()

  /** The stored record of the clock. */
  note: string | undefined
  readonly clockNote = {
    load: () => Promise.resolve(this.note),
    save: (content: string) => {
      this.note = content
      return Promise.resolve()
    },
  }

  open(): CatalogStore {
    return {
      load: () => [...this.#rows.values()],
      commit: async (changes) => {
        const failsLate = await this.beforeCommit(changes)
        for (const change of changes) {
          if ('put' in change) this.#rows.set(keyOf(change.put), structuredClone(change.put))
          else this.#rows.delete(keyOf(change.remove))
        }
        this.commits.push(changes.map(describe))
        if (failsLate === true) throw new Error('flush failed')
      },
      close: () => Promise.resolve(),
    }
  }
}

function keyOf({ family, key }: Pick<CatalogRow, 'family' | 'key'>): string {
  return `${family} ${JSON.stringify(key)}`
}

function describe(change: CatalogChange): string {
  if ('remove' in change) return `remove ${change.remove.family}`
  const { put } = change
  return put.family === 'stream' ? `put stream ${put.value.status}` : `put ${put.family}`
}
