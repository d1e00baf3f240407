// The check of splits and merges in the catalog finds every possible fault.
import { describe, expect, test } from 'vitest'
import type { CatalogRow, PlannedShard, ReshardRow, ShardRow } from '../../../../broker/catalog-contract.ts'
import { checkCatalog, type OwnerHeads } from '../../../../broker/storage/checks/catalog-check.ts'
import { Findings } from '../../../../broker/storage/checks/findings.ts'
import type { HeadRow } from '../../../../broker/storage/rows/key-space.ts'
import {
  brokerRow,
  from,
  reshardRow,
  retiredRow,
  shardRow,
  streamRow,
  upTo,
} from '../../../support/catalog-rows.ts'

type Shard = Partial<ShardRow['value']>

const whole = { startingHashKey: from('0'), endingHashKey: upTo('f') }
const lower = { startingHashKey: from('0'), endingHashKey: upTo('7') }
const upper = { startingHashKey: from('8'), endingHashKey: upTo('f') }
const closed: Shard = { state: 'CLOSED', endingSequenceNumber: 9, closedAt: 2 }

/** Shard 0 was split into 1 and 2, and those were merged into 3. */
const history = (over: { readonly [index: number]: Shard } = {}): ShardRow[] => [
  shardRow(1, 0, { ...whole, ...closed, ...over[0] }),
  shardRow(1, 1, {
    ...lower,
    ...closed,
    parents: [0],
    startingSequenceNumber: 10,
    endingSequenceNumber: 19,
    ...over[1],
  }),
  shardRow(1, 2, {
    ...upper,
    ...closed,
    parents: [0],
    startingSequenceNumber: 10,
    endingSequenceNumber: null,
    ...over[2],
  }),
  shardRow(1, 3, { ...whole, parents: [2, 1], startingSequenceNumber: 20, ...over[3] }),
]
const sound = history()

const child = (shardIndex: number, over: Partial<PlannedShard> = {}): PlannedShard => ({
  shardIndex,
  ownerId: 0,
  slot: shardIndex + 1,
  ...whole,
  ...over,
})
const splitting = (over: Partial<ReshardRow['value']> = {}, ...children: PlannedShard[]): ReshardRow =>
  reshardRow(1, {
    moves: [
      { parents: [3], children: [child(4, lower), ...(children.length > 0 ? children : [child(5, upper)])] },
    ],
    ...over,
  })

function problemsOf(rows: readonly CatalogRow[], owners: OwnerHeads = new Map()): string[] {
  const findings = new Findings()
  checkCatalog([brokerRow(), streamRow(1), ...rows], owners, findings)
  return findings.report().problems.map(({ where, what }) => `${where}: ${what}`)
}

describe('the lineage check accepts a sound catalog', () => {
  test.each<[string, CatalogRow[]]>([
    ['with a split and a merge behind it', sound],
    ['with the oldest shards expired', sound.slice(1)],
    ['with one parent of a merge expired', sound.slice(2)],
    ['with the other parent of a merge expired', [sound[1]!, sound[3]!]],
    ['with all but the open shard expired', sound.slice(3)],
    ['while a split is at sealing', [...sound, splitting()]],
    [
      'while a merge is at opening',
      [...sound, reshardRow(1, { step: 'opening', moves: [{ parents: [2, 1], children: [child(3)] }] })],
    ],
  ])('%s', (_, rows) => {
    expect(problemsOf(rows)).toEqual([])
  })
})

describe('the lineage check finds', () => {
  test.each<[string, CatalogRow[], RegExp]>([
    [
      'children that leave a gap',
      history({ 1: { endingHashKey: upTo('6') } }),
      /0000: Its children .* do not divide/,
    ],
    [
      'children that overlap',
      history({ 2: { startingHashKey: from('7') } }),
      /0000: Its children .* do not divide/,
    ],
    [
      'a merged child that is too wide',
      [...sound.slice(1, 3), shardRow(1, 3, { ...whole, parents: [1] })],
      /same parents|do not divide/,
    ],
    [
      'a child with a parent of its own',
      history({ 2: { parents: [] } }),
      /0000: Its children .* do not divide/,
    ],
    ['a closed shard without children', sound.slice(0, 3), /0001: It is closed, and has no children/],
    ['an open shard with children', history({ 0: { state: 'OPEN' } }), /0000: It is open, and has children/],
    ['a child that is older than its parent', history({ 1: { parents: [2] } }), /0002 came after it/],
    [
      'a child that begins below what its parent stored',
      history({ 3: { startingSequenceNumber: 19 } }),
      /begins at 19.*0001 ends below 20/,
    ],
    [
      'a child that begins below an empty parent',
      history({ 3: { startingSequenceNumber: 9 } }),
      /begins at 9.*0002 ends below 10/,
    ],
    [
      'a planned slot that a shard has',
      [...sound, splitting({}, child(5, { ...upper, slot: 2 }))],
      /shares slot 2/,
    ],
    [
      'planned children that leave a gap',
      [...sound, splitting({}, child(5, { ...upper, startingHashKey: from('9') }))],
      /do not divide the range of their parents/,
    ],
    [
      'a parent at sealing that is closed',
      [...sound, splitting({ moves: [{ parents: [1], children: [child(4, lower)] }] })],
      /at sealing, and its parent .*0001 is CLOSED/,
    ],
    [
      'a parent that is not there',
      [...sound, splitting({ moves: [{ parents: [9], children: [child(4)] }] })],
      /0009 is not there/,
    ],
    [
      'a child at sealing that is there already',
      [...sound, splitting({}, child(2, upper))],
      /its child .*0002 is not as it should be/,
    ],
    [
      'a child at opening that is not there',
      [...sound, splitting({ step: 'opening' })],
      /its child .*0004 is not as it should be/,
    ],
    [
      'a child at opening in another slot',
      [
        ...sound,
        reshardRow(1, { step: 'opening', moves: [{ parents: [1, 2], children: [child(3, { slot: 30 })] }] }),
      ],
      /its child .*0003 is not as it should be/,
    ],
  ])('%s', (_, rows, found) => {
    expect(problemsOf(rows).join('\n')).toMatch(found)
  })
})

describe('the catalog check', () => {
  const head = (over: Partial<HeadRow>): OwnerHeads => {
    const row = {
      first: 20,
      next: 20,
      firstArrival: 0,
      lastArrival: 0,
      bytes: 0,
      batches: 0,
      closed: 0,
      forgotten: 0,
    }
    return new Map([[0, new Map([[over.closed === 1 ? 2 : 4, { ...row, trimHorizon: 20, ...over }]])]])
  }

  test('requires a closed shard to be sealed, and to end where the catalog says', () => {
    expect(problemsOf(sound, head({ closed: 1, next: 20 }))).toEqual([])
    expect(problemsOf(sound, head({ closed: 1, next: 25 })).join()).toMatch(
      /last number is 24; 19 was expected/,
    )
  })

  test('requires an open shard to be unsealed, unless it is being changed', () => {
    const sealed = new Map([[0, new Map([[4, head({}).get(0)!.get(4)!]])]])
    expect(problemsOf(sound, sealed)).toEqual([])
    sealed.get(0)!.get(4)!.closed = 1
    expect(problemsOf(sound, sealed).join()).toMatch(/0003: It is open, and owner 0 takes no appends to it/)
    expect(problemsOf([...sound, splitting()], sealed)).toEqual([])
  })

  test('requires a forgotten shard to have left the catalog, unless its stream is being deleted', () => {
    expect(problemsOf(sound, head({ forgotten: 1 })).join()).toMatch(/slot 4 was forgotten/)
    expect(problemsOf(sound, head({ closed: 1, forgotten: 1 })).join()).toMatch(/slot 2 was forgotten/)
    const left = retiredRow(2, { shardIndex: 1 })
    expect(problemsOf([left, ...sound.slice(2)], head({ closed: 1, forgotten: 1 }))).toEqual([])
    expect(problemsOf([left, ...sound]).join()).toMatch(/shares slot 2 with/)
  })
})
