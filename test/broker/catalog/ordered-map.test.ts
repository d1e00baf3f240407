// The maps of the catalog's state: after any history of changes a map holds what a sorted map would hold, earlier maps are
// unchanged, and a change copies a path, not the map.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrderedMap } from '../../../broker/catalog/ordered-map.ts'

const step = fc.record({ key: fc.nat(40), value: fc.nat(3), remove: fc.boolean() })
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Applies a change to `map` and to its model. */
function changed(map: OrderedMap<number, number>, { key, value, remove }: Step): OrderedMap<number, number> {
  return remove ? map.delete(key) : map.set(key, value)
}

const sortedEntries = (model: ReadonlyMap<number, number>): (readonly [number, number])[] =>
  [...model].sort(([a], [b]) => a - b)

/** Counts nodes of `after` that are not in `before`. */
function copied(before: OrderedMap<number, number>, after: OrderedMap<number, number>): number {
  const known = new Set(before.nodes())
  return [...after.nodes()].filter((node) => !known.has(node)).length
}

describe('OrderedMap', () => {
  it('holds after any history of changes what a sorted map would hold, from any key on, and earlier maps are unchanged', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let map = OrderedMap.empty<number, number>()
        const model = new Map<number, number>()
        const before: [OrderedMap<number, number>, (readonly [number, number])[]][] = []
        for (const one of steps) {
          map = changed(map, one)
          if (one.remove) model.delete(one.key)
          else model.set(one.key, one.value)
          before.push([map, sortedEntries(model)])
        }
        for (const [known, entries] of before) {
          expect([...known]).toEqual(entries)
          expect([known.size, known.lastKey()]).toEqual([entries.length, entries.at(-1)?.[0]])
        }
        for (const key of [-1, 0, 7, 40]) {
          expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)])
          expect([...map.entries(key)]).toEqual(sortedEntries(model).filter(([other]) => other > key))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('returns the same map for a change that changes nothing', () => {
    const map = OrderedMap.empty<number, string>().set(1, 'a')
    expect(map.set(1, 'a')).toBe(map)
    expect(map.delete(2)).toBe(map)
  })

  it.each<[string, (place: number) => number]>([
    ['rising keys', (place) => place],
    ['falling keys', (place) => 20_000 - place],
    ['keys in no order', (place) => (place * 7919) % 20_011],
  ])('copies no more nodes than twice the logarithm of its size, for a change of %s', (_, keyOf) => {
    let map = OrderedMap.empty<number, number>()
    for (let place = 0; place < 20_000; place++) map = map.set(keyOf(place), 0)
    const pathMax = 2 * Math.log2(map.size) + 2
    for (const key of [keyOf(0), keyOf(9_999), keyOf(19_999)]) {
      expect(copied(map, map.set(key, 1))).toBeLessThanOrEqual(pathMax)
      expect(copied(map, map.delete(key))).toBeLessThanOrEqual(pathMax)
    }
    expect(copied(map, map.set(30_000, 1))).toBeLessThanOrEqual(pathMax)
  })

  it('orders keys of text as text is sorted', () => {
    const names = ['b', 'B', 'a-1', 'a.1', 'a_1', 'a10', 'a2', '']
    const map = names.reduce((known, name) => known.set(name, 1), OrderedMap.empty<string, number>())
    expect([...map.keys()]).toEqual(names.toSorted())
    expect([...map.keys('a2')]).toEqual(['a_1', 'b'])
  })
})
