// Plans of splits and merges: after any requests in any order, the open shards cover every hash key once, children divide
// the ranges of their parents, and impossible requests are refused with a reason.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CatalogRow } from '../../../../broker/catalog-contract.ts'
import { applyChanges, readCatalog, type CatalogState } from '../../../../broker/catalog/state.ts'
import { openShardsOf, shardsOf, type Shard } from '../../../../broker/control/catalog-state.ts'
import type { CatalogPlan } from '../../../../broker/control/catalog.ts'
import { planBegin, planFinish, planPublish } from '../../../../broker/control/resharding/journal.ts'
import { parentsOf, planMoves, type ReshardIntent } from '../../../../broker/control/resharding/plan.ts'
import { checkCatalog } from '../../../../broker/storage/checks/catalog-check.ts'
import { Findings } from '../../../../broker/storage/checks/findings.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { allRows, brokerRow, from, shardRow, streamRow, upTo } from '../../../support/catalog-rows.ts'
import { fail } from '../../../support/fail.ts'

const OWNERS = [0, 1, 2]
const SPACE = 1n << 128n

const stateOf = (...rows: CatalogRow[]): CatalogState => readCatalog([brokerRow({ nextSlot: 1000 }), ...rows])
const oneShard = stateOf(streamRow(1), shardRow(1, 0))
const quarters = stateOf(
  streamRow(1),
  ...['0', '4', '8', 'c'].map((digit, index) => {
    const end = (parseInt(digit, 16) + 3).toString(16)
    return shardRow(1, index, {
      startingHashKey: from(digit),
      endingHashKey: upTo(end),
      ownerId: index % OWNERS.length,
    })
  }),
)

const after = <T>(state: CatalogState, { changes }: CatalogPlan<T>): CatalogState =>
  applyChanges(state, changes)
const begun = (state: CatalogState, ...intents: ReshardIntent[]): CatalogState =>
  after(state, planBegin(state, { streamId: 1, intents, cause: 'split' }, { now: 7, owners: OWNERS }, fail))

const all = (state: CatalogState): Shard[] => [...shardsOf(state, 1).values()]
const open = (state: CatalogState): Shard[] => [...openShardsOf(state, 1).values()]

/** Carries out a change; every parent has stored `stored` records. */
function changed(state: CatalogState, intents: readonly ReshardIntent[], stored = 10): CatalogState {
  const sealing = begun(state, ...intents)
  const tails = new Map(
    open(sealing).map(({ index, startingSequenceNumber: first }) => [index, first + stored]),
  )
  const opening = after(sealing, planPublish(sealing, 1, { tails, now: 8 }))
  for (const step of [sealing, opening]) expect(problemsOf(step)).toEqual([])
  return after(opening, planFinish(opening, 1))
}

function problemsOf(state: CatalogState): string[] {
  const rows = allRows(state)
  // The next start must read the same state, and the check must find no fault.
  expect(readCatalog(rows)).toEqual(state)
  const findings = new Findings()
  checkCatalog(rows, new Map(), findings)
  return findings.report().problems.map(({ where, what }) => `${where}: ${what}`)
}

const rangesOf = (state: CatalogState): string[] =>
  open(state).map((shard) => `${shard.index}: ${shard.startingHashKey} ${shard.endingHashKey}`)

describe('planMoves', () => {
  test('splits a shard in two, in its middle unless a point is given', () => {
    expect(rangesOf(changed(oneShard, [{ split: 0, at: [] }]))).toEqual([
      `50: ${from('0')} ${upTo('7')}`,
      `51: ${from('8')} ${upTo('f')}`,
    ])
    expect(rangesOf(changed(oneShard, [{ split: 0, at: [from('1')] }]))).toEqual([
      `50: ${from('0')} ${upTo('0')}`,
      `51: ${from('1')} ${upTo('f')}`,
    ])
  })

  test('cuts one hash key out of a shard', () => {
    const after8 = `8${'1'.padStart(31, '0')}`
    expect(rangesOf(changed(oneShard, [{ split: 0, at: [from('8'), after8] }]))).toEqual([
      `50: ${from('0')} ${upTo('7')}`,
      `51: ${from('8')} ${from('8')}`,
      `52: ${after8} ${upTo('f')}`,
    ])
  })

  test('merges neighbours, in either order, and remembers the order', () => {
    for (const merge of [[1, 2] as const, [2, 1] as const]) {
      const state = changed(quarters, [{ merge }])
      expect(rangesOf(state)[2]).toBe(`50: ${from('4')} ${upTo('b')}`)
      expect(all(state).at(-1)?.parents).toEqual(merge)
    }
  })

  test('makes many moves at once', () => {
    const state = changed(quarters, [{ split: 0, at: [] }, { merge: [3, 2] }, { split: 1, at: [] }])
    expect(open(state).map(({ index, parents }) => [index, parents])).toEqual([
      [50, [0]],
      [51, [0]],
      [52, [3, 2]],
      [53, [1]],
      [54, [1]],
    ])
  })

  test('starts children above all their parents, and closes parents at their last record', () => {
    const sealing = begun(quarters, { merge: [0, 1] })
    const tails = new Map([
      [0, 7],
      [1, 0],
    ])
    const state = after(sealing, planPublish(sealing, 1, { tails, now: 8 }))
    const [first, second] = all(state)
    expect([first?.endingSequenceNumber, second?.endingSequenceNumber]).toEqual([6, null])
    expect([first?.closedAt, first?.state]).toEqual([8, 'CLOSED'])
    expect(all(state).at(-1)).toMatchObject({
      startingSequenceNumber: 7,
      state: 'OPEN',
      createdAt: 8,
    })
    expect(state.streams.get(1)?.epoch).toBe(2)
  })

  test('puts the halves of a shard on different owners, and all children on the owners with the fewest shards', () => {
    const owners = (state: CatalogState): number[] =>
      state.journals.get(1)!.moves.flatMap(({ children }) => children.map(({ ownerId }) => ownerId))
    expect(owners(begun(oneShard, { split: 0, at: [] }))).toEqual([0, 1])
    // Owner 0 has two quarters, one of which is being closed.
    expect(owners(begun(quarters, { split: 0, at: [] }))).toEqual([0, 1])
    const crowded = stateOf(streamRow(1), shardRow(1, 0, { ownerId: 2 }))
    expect(owners(begun(crowded, { split: 0, at: [from('1'), from('2')] }))).toEqual([0, 1, 2])
  })
})

const refusalOf = (state: CatalogState, intents: readonly ReshardIntent[], openShardsMax: number) => {
  try {
    planMoves(state, state.streams.get(1)!, intents, { owners: OWNERS, openShardsMax }, fail)
    return 'planned'
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    return `${error.code}: ${error.message}`
  }
}

describe('planMoves refuses', () => {
  const afterSplit = changed(quarters, [{ split: 1, at: [] }])
  const single = stateOf(
    streamRow(1),
    shardRow(1, 0, { endingHashKey: from('0') }),
    shardRow(1, 1, { startingHashKey: '1'.padStart(32, '0') }),
  )
  test.each<[string, CatalogState, ReshardIntent[], RegExp]>([
    [
      'a shard that never was',
      quarters,
      [{ split: 77, at: [] }],
      /shardNotFound: .*77 of stream s1 does not exist/,
    ],
    [
      'a shard that has expired',
      quarters,
      [{ merge: [0, 5] }],
      /shardNotFound: .*05 of stream s1 has expired/,
    ],
    [
      'a closed shard, with its children',
      afterSplit,
      [{ split: 1, at: [] }],
      /invalidArgument: .*01 of stream s1 is closed: it became \S+50 and \S+51/,
    ],
    [
      'a point at the start of the range',
      quarters,
      [{ split: 1, at: [from('4')] }],
      /cannot be split at 85070591730234615865843651857942052864: the place has to be above/,
    ],
    [
      'a point above the range',
      quarters,
      [{ split: 1, at: [from('8')] }],
      /cannot be split at 170141183460469231731687303715884105728: the place has to be above/,
    ],
    [
      'a point that falls',
      quarters,
      [{ split: 1, at: [from('6'), from('5')] }],
      /split at 106338239662793269832304564822427566080: the second place/,
    ],
    [
      'a point twice',
      quarters,
      [{ split: 1, at: [from('6'), from('6')] }],
      /split at 127605887595351923798765477786913079296: the second place/,
    ],
    [
      'three points',
      quarters,
      [{ split: 1, at: [from('5'), from('6'), from('7')] }],
      /3 points are too many/,
    ],
    ['a shard of one hash key', single, [{ split: 0, at: [] }], /single hash key, 0: it cannot be split/],
    ['a shard merged with itself', quarters, [{ merge: [1, 1] }], /cannot be merged with itself/],
    [
      'shards that do not touch',
      quarters,
      [{ merge: [0, 2] }],
      /\(0 to 85070591730234615865843651857942052863\) and .* are not adjacent/,
    ],
    ['the two ends of the hash keys', quarters, [{ merge: [3, 0] }], /not adjacent/],
    [
      'a shard twice',
      quarters,
      [{ split: 1, at: [] }, { merge: [0, 1] }],
      /01 of stream s1 cannot be changed twice/,
    ],
    [
      'too many open shards',
      quarters,
      [
        { split: 0, at: [] },
        { split: 1, at: [] },
      ],
      /limitExceeded: There would be 6, above the limit of 5 for open shards/,
    ],
  ])('%s', (_, state, intents, message) => {
    expect(refusalOf(state, intents, 5)).toMatch(message)
  })

  test('a split at the limit, unless a merge in the same change makes room for it', () => {
    expect(refusalOf(quarters, [{ split: 0, at: [] }, { merge: [1, 2] }], 4)).toBe('planned')
  })

  test('no merge, however many shards are open: a goal that was given up may leave too many', () => {
    expect(refusalOf(quarters, [{ merge: [1, 2] }], 2)).toBe('planned')
    expect(refusalOf(quarters, [{ split: 0, at: [] }, { merge: [1, 2] }], 2)).toBe('planned')
    expect(refusalOf(quarters, [{ split: 0, at: [] }], 2)).toMatch(/limitExceeded: There would be 5/)
  })
})

/** A random intent: mostly valid, sometimes off by one in some way. */
const anyIntent = fc.oneof(
  fc.record({
    shard: fc.nat(12),
    at: fc.array(fc.tuple(fc.nat(8), fc.integer({ min: -1, max: 2 })), { maxLength: 3 }),
  }),
  fc.record({ shard: fc.nat(12), next: fc.integer({ min: -1, max: 2 }) }),
  fc.record({ shard: fc.nat(12), isRenewed: fc.constant(true) }),
)
type AnyIntent = typeof anyIntent extends fc.Arbitrary<infer T> ? T : never

/** Makes the intent for a state: shards by their place in the order of ranges, points in eighths of the shard's range. */
function intentFor(state: CatalogState, any: AnyIntent): ReshardIntent {
  const shards = open(state).toSorted((a, b) => (a.startingHashKey < b.startingHashKey ? -1 : 1))
  const shard = shards[any.shard % shards.length]!
  if ('next' in any) {
    const other = shards[(any.shard + any.next + shards.length) % shards.length]!
    return { merge: [shard.index, other.index] }
  }
  if ('isRenewed' in any) return { renew: shard.index }
  const start = BigInt(`0x${shard.startingHashKey}`)
  const size = BigInt(`0x${shard.endingHashKey}`) - start + 1n
  const at = any.at.map(([eighths, offset]) => {
    const point = start + (size * BigInt(eighths)) / 8n + BigInt(offset)
    return ((point + SPACE) % SPACE).toString(16).padStart(32, '0')
  })
  return { split: shard.index, at }
}

/** Says whether the intents can be carried out, computed in another way than the code does. */
function isSound(state: CatalogState, intents: readonly ReshardIntent[]): boolean {
  const named = intents.flatMap(parentsOf)
  if (new Set(named).size < named.length) return false
  return intents.every((intent) => {
    const range = (index: number): readonly [bigint, bigint] => {
      const { startingHashKey, endingHashKey } = shardsOf(state, 1).get(index)!
      return [BigInt(`0x${startingHashKey}`), BigInt(`0x${endingHashKey}`)]
    }
    if ('merge' in intent) {
      const [[a, aEnd], [b, bEnd]] = [range(intent.merge[0]), range(intent.merge[1])]
      return aEnd + 1n === b || bEnd + 1n === a
    }
    if ('renew' in intent) return true
    const [start, end] = range(intent.split)
    if (intent.at.length === 0) return start < end
    const points = intent.at.map((point) => BigInt(`0x${point}`))
    const isRising = points.every((point, place) => point > (points[place - 1] ?? start) && point <= end)
    return isRising && points.length <= 2
  })
}

test('planMoves: after any history of changes, every hash key has one shard, and every shard its lineage', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(anyIntent, { minLength: 1, maxLength: 4 }), fc.nat(3)), { maxLength: 12 }),
      (history) => {
        let state = stateOf(streamRow(1), shardRow(1, 0))
        for (const [wishes, stored] of history) {
          const intents = wishes.map((any) => intentFor(state, any))
          if (isSound(state, intents)) state = changed(state, intents, stored)
          else expect(refusalOf(state, intents, 4096)).toMatch(/^(invalidArgument|shardNotFound): /)
        }
        expect(problemsOf(state)).toEqual([])
      },
    ),
    { numRuns: 300 },
  )
})
