// A walk over what may be seen yields exactly the names that are granted, in order, and touches few others.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { identityOf } from '../../../broker/access/identity.ts'
import { shownEntries, sortedNames, type SortedNames } from '../../../broker/access/shown.ts'
import { OrderedMap } from '../../../broker/catalog/ordered-map.ts'

const names = fc.uniqueArray(fc.stringMatching(/^[ab]{1,4}$/), { maxLength: 30 })
const patterns = fc.array(fc.stringMatching(/^([ab]{1,3}|[ab]{0,3}\*)$/), { maxLength: 6 })

function identity(granted: readonly string[]) {
  const grants = granted.map((pattern) => ({ kind: 'stream', pattern, actions: ['describe'] }) as const)
  return identityOf('p', grants, () => 0)
}

describe('what is shown of sorted names', () => {
  it('is what may be described, after the name asked for', () => {
    const after = fc.option(fc.stringMatching(/^[ab]{0,4}$/), { nil: undefined })
    fc.assert(
      fc.property(names, patterns, after, (all, granted, from) => {
        const who = identity(granted)
        const map = all.reduce((so, name) => so.set(name, name), OrderedMap.empty<string, string>())
        const expected = all
          .toSorted()
          .filter((name) => who.may('describe', 'stream', name) && (from === undefined || name > from))
        for (const walked of [map, sortedNames(all.toSorted())]) {
          const shown = Array.from(shownEntries(walked, who.shown('stream'), from), ([name]) => name)
          expect(shown).toEqual(expected)
        }
      }),
    )
  })

  it('costs what it shows, however many names are hidden', () => {
    const hidden = Array.from({ length: 5_000 }, (_, index) => `hidden-${String(index).padStart(5, '0')}`)
    const sorted = sortedNames([...hidden, 'mine-1', 'mine-2', 'mine-3', 'zebra'].toSorted())
    let touched = 0
    const counting: SortedNames<string> = {
      get: (name) => (touched++, sorted.get(name)),
      *entries(after) {
        for (const entry of sorted.entries(after)) {
          touched++
          yield entry
        }
      },
    }
    const shown = Array.from(
      shownEntries(counting, identity(['mine-*', 'zebra']).shown('stream')),
      ([name]) => name,
    )
    expect(shown).toEqual(['mine-1', 'mine-2', 'mine-3', 'zebra'])
    expect(touched).toBeLessThan(10)
  })
})
