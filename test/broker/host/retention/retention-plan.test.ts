// Plans for sealed segments, over very many small cases: no wanted record is removed, and repeated plans come to an end.
import { describe, expect, it } from 'vitest'
import {
  measureSegment,
  planSegments,
  type SegmentMeasure,
  type SegmentPlan,
} from '../../../../broker/host/retention/retention-plan.ts'
import {
  carryOut,
  fileBytesOf,
  isWanted,
  planFor,
  seededRandom,
  someSegments,
  someWanted,
  surveyOf,
  type ModelSegment,
  type ModelWanted,
} from '../support/segment-model.ts'

const SEGMENT_BYTES = 100
const SEED = 20_231_114

function fail(what: string, seen: unknown): never {
  throw new Error(
    `${what}: ${JSON.stringify(seen, (_key, value) => (value instanceof Map ? [...value] : value))}`,
  )
}

/** Throws if the plan removes a wanted record, or moves one that must stay. */
function check(segments: readonly ModelSegment[], { drop, compact }: SegmentPlan, wanted: ModelWanted): void {
  const isRefused = ({ slot }: { slot: number }): boolean => wanted.refused.has(slot)
  const dropped = drop.flat()
  const left = segments.filter(({ name }) => !dropped.includes(name))
  for (const { name, batches } of segments) {
    const isGone = dropped.includes(name) && batches.some((batch) => isWanted(batch, wanted))
    if (isGone) fail('a wanted batch is dropped', { name, segments, wanted })
    if (compact?.sources.includes(name) && batches.some(isRefused)) fail('it is refused', { name, segments })
  }
  const at = left.findIndex(({ name }) => name === compact?.sources[0])
  const areNeighbours = compact?.sources.every((source, i) => left[at + i]?.name === source) ?? true
  if (!areNeighbours) fail('sources are not neighbours', { compact, segments })
}

const sizeOf = (segments: readonly ModelSegment[]): number =>
  segments.reduce((sum, segment) => sum + fileBytesOf(segment), 0)

describe('a plan for segments', () => {
  it('never removes a wanted batch, nor exceeds its room, in a million cases', () => {
    const random = seededRandom(SEED)
    for (let i = 0; i < 50_000; i++) {
      const segments = someSegments(random)
      const surveys = segments.map(surveyOf)
      for (let j = 0; j < 20; j++) {
        const wanted = someWanted(segments, random)
        const roomBytes = j % 4 === 0 ? random(60) : Infinity
        const measures = surveys.map((survey) => measureSegment(survey, wanted))
        const plan = planSegments(measures, { segmentBytes: SEGMENT_BYTES, roomBytes, isHeld: () => false })
        check(segments, plan, wanted)
        const targetBytes = plan.compact?.targetBytes ?? 0
        if (targetBytes > Math.min(SEGMENT_BYTES, roomBytes)) fail('does not fit', { plan, segments })
      }
    }
  })

  it('makes progress with every repetition, and ends with no wanted batch lost', () => {
    const random = seededRandom(SEED + 1)
    for (let i = 0; i < 30_000; i++) {
      const segments = someSegments(random)
      const wanted = someWanted(segments, random)
      let before = segments
      for (let steps = 0; ; steps++) {
        const plan = planFor(before, wanted, { segmentBytes: SEGMENT_BYTES })
        check(before, plan, wanted)
        if (plan.drop.length === 0 && !plan.compact) break
        const after = carryOut(before, plan, wanted)
        const getsOn = after.length < before.length || sizeOf(after) < sizeOf(before)
        if (!getsOn || after.length > before.length || steps > 30)
          fail('no progress', { before, after, wanted })
        before = after
      }
      const left = new Set(before.flatMap(({ batches }) => batches))
      const lost = segments.flatMap(({ batches }) => batches).filter((batch) => !left.has(batch))
      if (lost.some((batch) => isWanted(batch, wanted))) fail('a wanted batch is gone', { lost, segments })
      if (before.some((segment) => isMostlyDead(segment, wanted)))
        fail('left mostly dead', { before, wanted })
    }
  })
})

function isMostlyDead(segment: ModelSegment, wanted: ModelWanted): boolean {
  const measure = measureSegment(surveyOf(segment), wanted)
  return !measure.isPinned && targetOf(measure) * 2 < measure.fileBytes
}

const targetOf = ({ fileBytes, liveBytes, bytes }: SegmentMeasure) =>
  Math.ceil((fileBytes * liveBytes) / bytes)

const measured = (segment: string, fileBytes: number, liveBytes: number): SegmentMeasure => ({
  segment,
  fileBytes,
  bytes: fileBytes,
  liveBytes,
  isPinned: false,
})
const free = { segmentBytes: 1000, roomBytes: Infinity, isHeld: () => false }

describe('a compaction', () => {
  it('does not rewrite a segment of which half is wanted', () => {
    expect(planSegments([measured('a', 900, 450)], free).compact).toBeUndefined()
    expect(planSegments([measured('a', 900, 449)], free).compact?.sources).toEqual(['a'])
  })

  it('leaves out a full neighbour', () => {
    const plan = planSegments([measured('a', 900, 800), measured('b', 900, 10)], free)
    expect(plan.compact?.sources).toEqual(['b'])
  })

  it('merges four small neighbours, but not three, and not across a segment that stays', () => {
    const small = ['a', 'b', 'c', 'd'].map((name) => measured(name, 100, 100))
    expect(planSegments(small.slice(1), free).compact).toBeUndefined()
    expect(planSegments(small, free).compact?.sources).toEqual(['a', 'b', 'c', 'd'])
    const pinned = { ...measured('x', 100, 100), isPinned: true }
    expect(planSegments([...small.slice(2), pinned, ...small.slice(0, 2)], free).compact).toBeUndefined()
    expect(planSegments([...small.slice(2), undefined, ...small.slice(0, 2)], free).compact).toBeUndefined()
  })

  it('leaves out a held segment, which is dropped once nothing in it is wanted', () => {
    const isHeld = (segment: string): boolean => segment === 'a'
    expect(planSegments([measured('a', 900, 1)], { ...free, isHeld }).compact).toBeUndefined()
    expect(planSegments([measured('a', 900, 0)], { ...free, isHeld }).drop).toEqual([['a']])
  })

  it('frees space within its room, and merges nothing, while the disk is nearly full', () => {
    const small = ['a', 'b', 'c', 'd'].map((name) => measured(name, 100, 100))
    expect(planSegments(small, { ...free, roomBytes: 500 }).compact).toBeUndefined()
    const sparse = [measured('a', 900, 300), measured('b', 900, 40)]
    expect(planSegments(sparse, { ...free, roomBytes: 200 }).compact?.sources).toEqual(['b'])
    expect(planSegments(sparse, { ...free, roomBytes: 20 }).compact).toBeUndefined()
  })

  it('drops runs of neighbours, and treats segments as neighbours once those between them are dropped', () => {
    const segments = [0, 0, 100, 0, 100, 100, 100].map((live, i) => measured(`${i}`, 100, live))
    const plan = planSegments(segments, free)
    expect(plan.drop).toEqual([['0', '1'], ['3']])
    expect(plan.compact?.sources).toEqual(['2', '4', '5', '6'])
  })

  it('keeps a quiet stream in a few files, and writes a byte only a few times', () => {
    let segments: ModelSegment[] = []
    let written = 0
    const wanted = { horizons: new Map([[0, 0]]), refused: new Set<number>() }
    for (let i = 0; i < 5000; i++) {
      segments.push({ name: `${i}`, batches: [{ slot: 0, base: i, next: i + 1, bytes: 10 }] })
      for (;;) {
        const plan = planFor(segments, wanted, { segmentBytes: 20_000 })
        if (!plan.compact) break
        written += plan.compact.targetBytes
        segments = carryOut(segments, plan, wanted)
      }
    }
    expect(segments.length).toBeLessThan(40)
    // Tiny segments are written again with every merge, until they have some 300 bytes here.
    expect(written / (5000 * 10)).toBeLessThan(30)
  })
})
