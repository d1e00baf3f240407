// A change of the catalog costs what it changes, not what exists. Cost is counted in visited entries and in copied nodes,
// beside ten thousand streams and in a stream with tens of thousands of shards.
import { Asker } from '../access/support/asker.ts'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { OrderedMap } from '../../../broker/catalog/ordered-map.ts'
import { applyChanges, readCatalog, type CatalogState } from '../../../broker/catalog/state.ts'
import type { CatalogRow } from '../../../broker/catalog-contract.ts'
import { openShardsOf } from '../../../broker/control/catalog-state.ts'
import type { CatalogPlan } from '../../../broker/control/catalog.ts'
import { describeHosts, describeStream } from '../../../broker/control/descriptions.ts'
import { hostsOf, type HostFleet } from '../../../broker/control/hosts/fleet.ts'
import { controlHandlers, type HandlerOptions } from '../../../broker/control/handlers.ts'
import { planBegin, planFinish, planPublish } from '../../../broker/control/resharding/journal.ts'
import { planRetire } from '../../../broker/control/streams/shard-retirement.ts'
import { planActivate, planCreate, planUpdate } from '../../../broker/control/streams/stream-changes.ts'
import { hashKeyToHex } from '../../../protocol/shards/hash-key.ts'
import { evenRanges } from '../../../protocol/shards/shard-map.ts'
import { FakeTime } from '../control/support/fake-time.ts'
import { fail } from '../../support/fail.ts'
import { unsaid } from '../../support/requests.ts'
import { brokerRow, shardRow, streamRow } from '../../support/catalog-rows.ts'

const STREAMS = 10_000
const CLOSED = 30_000
/** Far below the counts above, and above the length of some paths in a tree of a hundred thousand nodes. */
const WORK_MAX = 600

/** Stream 1 has `CLOSED` closed shards and two open ones; each of the others has three open ones. */
function rows(): CatalogRow[] {
  const made: CatalogRow[] = []
  let slot = 1
  const open = (streamId: number, from: number, count: number): void => {
    for (const [place, { start, end }] of evenRanges(count).entries()) {
      const range = { startingHashKey: hashKeyToHex(start), endingHashKey: hashKeyToHex(end) }
      made.push(shardRow(streamId, from + place, { slot: slot++, ownerId: place % 3, ...range }))
    }
  }
  made.push(streamRow(1, { nextShardIndex: CLOSED + 2 }))
  for (let index = 0; index < CLOSED; index++) {
    made.push(shardRow(1, index, { slot: slot++, state: 'CLOSED', closedAt: 2 }))
  }
  open(1, CLOSED, 2)
  for (let id = 2; id < STREAMS; id++) {
    made.push(streamRow(id))
    open(id, 0, 3)
  }
  return [brokerRow({ nextStreamId: STREAMS, nextSlot: slot }), ...made]
}

const fleet = {
  hosts: [],
  call: () => Promise.resolve({ extents: [] }),
  hostOf: (ownerId: number) => ({ hostId: 1 + ownerId }),
} as unknown as HostFleet

let state: CatalogState
beforeAll(() => {
  state = readCatalog(rows())
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** Counts the entries that all walks through all maps yield. */
function countVisits(): { visits: number } {
  const counted = { visits: 0 }
  for (const walk of ['keys', 'values', 'entries', Symbol.iterator] as const) {
    const original = OrderedMap.prototype[walk] as (...args: unknown[]) => Generator<unknown>
    vi.spyOn(OrderedMap.prototype, walk as 'keys').mockImplementation(function* (
      this: OrderedMap<never, unknown>,
      ...args: unknown[]
    ) {
      for (const item of original.apply(this, args)) {
        counted.visits++
        yield item as never
      }
    })
  }
  return counted
}

/** Returns every node of a state's maps, including the maps within maps. */
function nodesOf(value: unknown, found: Set<object> = new Set()): Set<object> {
  if (!(value instanceof OrderedMap)) return found
  for (const node of value.nodes()) {
    found.add(node)
    nodesOf((node as { value: unknown }).value, found)
  }
  return found
}

function nodesOfState(of: CatalogState): Set<object> {
  const nodes = new Set<object>()
  for (const part of Object.values(of)) nodesOf(part, nodes)
  return nodes
}

/** Plans and applies a change; returns the state after it, and the cost of both. */
function cost<T>(before: CatalogState, decide: (state: CatalogState) => CatalogPlan<T>) {
  const counted = countVisits()
  const { changes } = decide(before)
  const after = applyChanges(before, changes)
  const { visits } = counted
  vi.restoreAllMocks()
  const known = nodesOfState(before)
  const copied = [...nodesOfState(after)].filter((node) => !known.has(node)).length
  expect(changes.length).toBeGreaterThan(0)
  return { after, visits, copied }
}

const context = { now: 7, owners: [0, 1, 2] }

describe('CatalogState costs what a change changes:', () => {
  test('a split of a shard, beside ten thousand streams and tens of thousands of closed shards', () => {
    const intents = [{ split: CLOSED, at: [] }]
    const begun = cost(state, (now) =>
      planBegin(now, { streamId: 1, intents, cause: 'split' }, context, fail),
    )
    const tails = new Map([[CLOSED, 5]])
    const published = cost(begun.after, (now) => planPublish(now, 1, { tails, now: 8 }))
    const finished = cost(published.after, (now) => planFinish(now, 1))
    for (const { visits, copied } of [begun, published, finished]) {
      expect(visits).toBeLessThan(WORK_MAX)
      expect(copied).toBeLessThan(WORK_MAX)
    }
    expect(finished.after.shardCount).toBe(state.shardCount + 2)
    expect(openShardsOf(finished.after, 1).size).toBe(3)
  })

  test('a new stream, its start, and a change of its settings', () => {
    const defaults = { onDemandShards: 4, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 }
    const request = { name: 'new', shardCount: 3, ...unsaid }
    const created = cost(state, (now) => planCreate(now, request, { ...context, defaults }, fail))
    const active = cost(created.after, (now) => planActivate(now, STREAMS))
    const settings = { name: 'new', ...unsaid, retentionMs: 7_200_000 }
    const updated = cost(active.after, (now) => planUpdate(now, settings, fail))
    for (const { visits, copied } of [created, active, updated]) {
      expect(visits).toBeLessThan(WORK_MAX)
      expect(copied).toBeLessThan(WORK_MAX)
    }
  })

  test('the removal of expired shards from a stream with many shards', () => {
    const { visits, copied, after } = cost(state, (now) => planRetire(now, 1, [0, 1, 2]))
    expect(visits).toBeLessThan(WORK_MAX)
    expect(copied).toBeLessThan(WORK_MAX)
    expect([after.shardCount, after.retired.size]).toEqual([state.shardCount - 3, 3])
  })

  test('the description of a stream or of the broker, and the hosts of a stream, visit no shard', () => {
    const counted = countVisits()
    const { openShardCount } = describeStream(state, state.streams.get(1)!)
    const { shardCount, streamCount } = describeHosts(state, fleet)
    const hosts = hostsOf(fleet, state, 1)
    expect(counted.visits).toBeLessThan(WORK_MAX)
    expect([openShardCount, streamCount, shardCount]).toEqual([2, STREAMS - 1, state.shardCount])
    expect(hosts).toEqual([1, 2])
  })

  test('a page of a list visits the page alone, wherever it begins', async () => {
    const scaling = { loadOf: () => undefined }
    const parts = { catalog: { state }, fleet, time: new FakeTime(), scaling, access: {} }
    const handlers = controlHandlers(parts as unknown as HandlerOptions)
    const counted = countVisits()
    const context = { session: Asker.session() } as never
    const streams = await handlers.listStreams({ limit: 10, exclusiveStartName: 's5' }, context)
    const shards = await handlers.listShards({ name: 's1', limit: 10, exclusiveStartIndex: 9_000 }, context)
    expect(counted.visits).toBeLessThan(WORK_MAX)
    expect(streams).toMatchObject({ hasMore: true, streams: { length: 10, 0: { name: 's50' } } })
    expect(shards).toMatchObject({ hasMore: true, shards: { length: 10, 0: { index: 9_001 } } })
  })

  test('an untouched map is the same object in both states', () => {
    const { after } = cost(state, (now) => planRetire(now, 1, [0]))
    expect(after.shards.get(2)).toBe(state.shards.get(2))
    expect(after.openShards).toBe(state.openShards)
    expect(after.streamIdByName.get('s2')).toBe(2)
    expect(after.journals).toBe(state.journals)
  })
})
