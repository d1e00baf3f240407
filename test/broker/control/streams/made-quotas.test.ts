// The quotas of a principal on the streams and shards that it makes.
import { describe, expect, it } from 'vitest'
import { applyChanges, readCatalog, type CatalogState } from '../../../../broker/catalog/state.ts'
import { planBegin, planGoal } from '../../../../broker/control/resharding/journal.ts'
import { planCreate } from '../../../../broker/control/streams/stream-changes.ts'
import { brokerRow, shardRow, streamRow } from '../../../support/catalog-rows.ts'
import { fail } from '../../../support/fail.ts'
import { unsaid } from '../../../support/requests.ts'

const context = {
  now: 7,
  owners: [0],
  defaults: { onDemandShards: 4, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 },
}

/** `shop` may have three streams with eight shards, everybody else any number. */
const quotas = {
  mostOf: (quota: string, principal: string) =>
    principal !== 'shop' ? Infinity : ({ streams: 3, shards: 8 }[quota] ?? Infinity),
}

function create(state: CatalogState, name: string, shardCount: number, by: string | undefined): CatalogState {
  const { changes } = planCreate(state, { name, shardCount, ...unsaid }, { ...context, by, quotas }, fail)
  return applyChanges(state, changes)
}

function active(state: CatalogState, streamId: number): CatalogState {
  const { id: _, ...value } = state.streams.get(streamId)!
  return applyChanges(state, [
    { put: { family: 'stream', key: streamId, value: { ...value, status: 'ACTIVE' } } },
  ])
}

const empty = readCatalog([brokerRow({ nextSlot: 1000, nextStreamId: 10 })])

describe('the quota of streams', () => {
  it('refuses the one too many of a principal, and counts neither those of others nor those of nobody', () => {
    let state = readCatalog([brokerRow({ nextSlot: 1000, nextStreamId: 10 }), streamRow(1), shardRow(1, 0)])
    for (const name of ['a', 'b', 'c']) state = create(state, name, 1, 'shop')
    expect(() => create(state, 'd', 1, 'shop')).toThrow(/Principal shop may have made 3 streams/)
    expect(() => create(create(state, 'd', 1, 'bank'), 'e', 1, undefined)).not.toThrow()
  })

  it('has room again when a stream is gone', () => {
    let state = empty
    for (const name of ['a', 'b', 'c']) state = create(state, name, 1, 'shop')
    state = applyChanges(state, [{ remove: { family: 'stream', key: state.streamIdByName.get('a')! } }])
    expect(() => create(state, 'd', 1, 'shop')).not.toThrow()
  })
})

describe('the quota of shards', () => {
  it('counts the shards of all streams of the principal', () => {
    const state = create(create(empty, 'a', 3, 'shop'), 'b', 3, 'shop')
    expect(() => create(state, 'c', 3, 'shop')).toThrow(/Principal shop may have made 8 shards/)
    expect(() => create(state, 'c', 2, 'shop')).not.toThrow()
    expect(() => create(state, 'c', 100, 'bank')).not.toThrow()
  })

  it('bounds splits and goals of its streams, whoever asks for them and however many are planned', () => {
    const state = active(create(empty, 'a', 7, 'shop'), 10)
    const split = (shard: number) =>
      ({ streamId: 10, intents: [{ split: shard, at: [] }], cause: 'split' }) as const
    expect(() => planBegin(state, split(0), { ...context, quotas }, fail)).toThrow(/8 shards/)
    expect(() => planBegin(state, split(0), context, fail)).not.toThrow()
    const goal = { streamId: 10, target: 20, isUnderWay: false }
    expect(() => planGoal(state, { ...goal, quotas }, fail)).toThrow(/8 shards/)
    expect(() => planGoal(state, goal, fail)).not.toThrow()
  })
})
