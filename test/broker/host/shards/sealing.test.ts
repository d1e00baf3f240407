// Sealing a shard: batches offered before are answered, no batch comes after, and readers reach the end and are told.
import { beforeEach, describe, expect, it } from 'vitest'
import { errorCodes } from '../../../../protocol/index.ts'
import { producerNumber } from '../../../support/producers.ts'
import { FakeSession } from '../support/fake-session.ts'
import {
  at,
  codeOf,
  contents,
  makeBatch,
  placedShard,
  startTestHost,
  STREAM,
  type TestHost,
} from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

let session: FakeSession
const producer = new FakeSession()
beforeEach(() => {
  session = new FakeSession()
})

const seal = (host: TestHost, ...shardIndexes: readonly number[]) =>
  host.engine.lifecycle.seal({
    streamId: STREAM,
    shards: (shardIndexes.length > 0 ? shardIndexes : [0]).map((shardIndex) => ({
      shardIndex,
      children: [10 + shardIndex, 20 + shardIndex],
    })),
  })
const drop = (host: TestHost, shardIndex = 0) =>
  host.engine.lifecycle.drop({
    shards: [{ streamId: STREAM, shardIndex, ownerId: 0, slot: shardIndex + 1 }],
  })
const ends = (of: FakeSession) => of.sent('subscriptionEnded')

describe('sealing', () => {
  it('answers batches offered before it first, also in the same turn, and then gives the tail', async () => {
    const host = await startTestHost()
    await host.append(producer, makeBatch(['a']))
    const order: string[] = []
    const before = host.append(producer, makeBatch(['b', 'c'])).then(({ results }) => {
      order.push('append')
      return results
    })
    const sealed = seal(host).then((extents) => {
      order.push('seal')
      return extents
    })
    const after = host.append(producer, makeBatch(['d'])).then(({ results }) => results)
    expect((await before).map(codeOf)).toEqual(['stored'])
    expect(await sealed).toMatchObject([{ streamId: STREAM, shardIndex: 0, tail: 3, closed: true }])
    expect((await after).map(codeOf)).toEqual(['shardClosed'])
    expect(order).toEqual(['append', 'seal'])
  })

  it('names the children in the refusal of an append', async () => {
    const host = await startTestHost()
    const during = [seal(host), host.append(producer, makeBatch(['a']))] as const
    const results = [...(await during[1]).results, ...(await host.append(producer, makeBatch(['b']))).results]
    expect(results).toHaveLength(2)
    for (const { code, message } of results) {
      expect(code).toBe(errorCodes.shardClosed.id)
      expect(message).toContain('shardId-000000000010, shardId-000000000020')
    }
  })

  it('still answers a batch that is stored already as stored', async () => {
    const host = await startTestHost()
    const batch = () => makeBatch(['a'], { producerId: producerNumber(5).producerId })
    const [first] = (await host.append(producer, batch())).results
    await seal(host)
    expect((await host.append(producer, batch())).results).toEqual([first])
    const next = makeBatch(['b'], { producerId: producerNumber(5).producerId, firstProducerSequence: 1 })
    expect((await host.append(producer, next)).results.map(codeOf)).toEqual(['shardClosed'])
  })

  it('gives the same answer when it is repeated, alone and with other shards', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    await host.fill(3)
    const first = await seal(host)
    expect(await seal(host)).toEqual(first)
    const both = await seal(host, 0, 1)
    expect(both).toMatchObject([
      { shardIndex: 0, tail: 3, closed: true },
      { shardIndex: 1, tail: 0, closed: true },
    ])
    expect(host.owner.calls).toEqual(['seal 1', 'seal 2'])
  })

  it('is refused, and seals nothing, if one of the shards is not served', async () => {
    const host = await startTestHost()
    await expect(seal(host, 0, 9)).rejects.toMatchObject({ code: 'unavailable' })
    expect((await host.append(producer, makeBatch(['a']))).results.map(codeOf)).toEqual(['stored'])
  })

  it('is stored: a shard that is closed when it is opened takes no records, and is read to its end', async () => {
    const host = await startTestHost()
    await host.fill(2)
    await seal(host)
    const again = await startTestHost({ shards: [] })
    for (const [slot, shard] of host.owner.shards) again.owner.shards.set(slot, shard)
    await again.engine.lifecycle.open([placedShard(0, { children: [3, 4] })])
    expect(await again.extents(0, 1)).toMatchObject([{ tail: 2, closed: true }])
    const { results } = await again.append(producer, makeBatch(['c']))
    expect(results[0]!.message).toContain('shardId-000000000003, shardId-000000000004')
    expect(await again.fetchOne(session, 2)).toMatchObject({ code: 0, ended: true })
  })

  it('is repeated before anything is served, if storage has lost it and the catalog has not', async () => {
    const host = await startTestHost({ shards: [] })
    for (const slot of [1, 2]) {
      const lost = { batches: [], trimHorizon: 4, tail: 4, lastArrivalTime: 0, closed: false }
      host.owner.shards.set(slot, { slot, ...lost })
    }
    await host.engine.lifecycle.open([placedShard(0, { children: [3, 4] }), placedShard(1)])
    expect(host.owner.calls).toEqual(['seal 1'])
    expect(await host.extents(0, 1)).toMatchObject([{ closed: true }, { closed: false }])
    expect((await host.append(producer, makeBatch(['a']))).results.map(codeOf)).toEqual(['shardClosed'])
    expect(await host.fetchOne(session, 4)).toMatchObject({ code: 0, ended: true })
  })
})

describe('a fetch of a closed shard', () => {
  it('ends with the last batches, or at the tail, and not before', async () => {
    const host = await startTestHost()
    await host.fill(2)
    expect(await host.fetchOne(session, 0)).toMatchObject({ ended: false })
    await seal(host)
    const part = await host.fetchOne(session, 0, { bytesMax: 1 })
    expect(part).toMatchObject({ ended: false, nextSequenceNumber: 1 })
    const rest = await host.fetchOne(session, 1)
    expect(contents(rest.batches)).toEqual(['1:record 1'])
    expect(rest).toMatchObject({ ended: true, nextSequenceNumber: 2, tail: 2 })
    expect(await host.fetchOne(session, 2)).toMatchObject({ code: 0, ended: true, batches: [] })
  })

  it('never waits, even beside shards without records', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    await seal(host)
    const shards = [0, 1].map((shardIndex) => ({
      streamId: STREAM,
      shardIndex,
      sequenceNumber: 0,
      bytesMax: 1000,
    }))
    const answer = await host.fetch(session, { shards, bytesMax: 1000, waitMs: 30_000 })
    expect(answer.shards.map(({ ended }) => ended)).toEqual([true, false])
  })

  it('that waits is answered when the shard is sealed', async () => {
    const host = await startTestHost()
    await host.fill(1)
    const fetch = host.fetchOne(session, 1, { waitMs: 30_000 })
    await rest()
    await seal(host)
    expect(await fetch).toMatchObject({ ended: true, nextSequenceNumber: 1 })
    expect(await host.measured('millrace_waiting_fetches')).toBe(0)
  })

  it('reads the records appended in the turn of the seal, and then the end', async () => {
    const host = await startTestHost()
    const fetch = host.fetchOne(session, 0, { waitMs: 30_000 })
    await rest()
    await Promise.all([host.append(producer, makeBatch(['last'])), seal(host)])
    const answer = await fetch
    expect(contents(answer.batches)).toEqual(['0:last'])
    const end = answer.ended ? answer : await host.fetchOne(session, 1, { waitMs: 30_000 })
    expect(end).toMatchObject({ ended: true, tail: 1 })
  })
})

describe('a subscription to a closed shard', () => {
  it('gets every record, then its end with code 0, the number and the children', async () => {
    const host = await startTestHost()
    await host.fill(3)
    await host.subscribe(session)
    await until(() => session.pushed.length === 3)
    expect(ends(session)).toEqual([])
    await seal(host)
    await until(() => ends(session).length === 1)
    expect(ends(session)).toMatchObject([{ code: 0, nextSequenceNumber: 3 }])
    expect(ends(session)[0]!.message).toContain('shardId-000000000010')
    expect(session.events.at(-1)!.event).toBe('subscriptionEnded')
    expect(await host.measured('millrace_subscriptions')).toBe(0)
  })

  it('ends only after the records that it has no credit for yet', async () => {
    const host = await startTestHost()
    await host.fill(2)
    await seal(host)
    await host.subscribe(session, { creditBytes: 1 })
    await until(() => session.pushed.length === 1)
    await rest()
    expect(ends(session)).toEqual([])
    host.engine.events.credit({ subscriptionId: 1, bytes: 10_000 }, session)
    await until(() => ends(session).length === 1)
    expect(session.pushed).toHaveLength(2)
  })

  it('that starts at its tail ends right after its answer, even without credit', async () => {
    const host = await startTestHost()
    await host.fill(2)
    await seal(host)
    const answer = await host.subscribe(session, { position: at('LATEST'), creditBytes: 0 })
    expect(answer).toEqual({ subscriptionId: 1, sequenceNumber: 2 })
    expect(session.events).toEqual([])
    await until(() => ends(session).length === 1)
    expect(ends(session)).toMatchObject([{ subscriptionId: 1, code: 0, nextSequenceNumber: 2 }])
  })

  it('reads from storage to the end', async () => {
    const host = await startTestHost({ settings: { tailCacheBytes: 0 } })
    await host.fill(3)
    await seal(host)
    await host.subscribe(session)
    await until(() => ends(session).length === 1)
    expect(session.pushed).toHaveLength(3)
    expect(ends(session)[0]!.code).toBe(0)
  })
})

describe('dropping closed shards', () => {
  it('ends their readers with shardNotFound, and forgets their records', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    await host.fill(2)
    await seal(host)
    await host.subscribe(session, { creditBytes: 0 })
    await drop(host)
    expect(ends(session)).toMatchObject([{ code: errorCodes.shardNotFound.id, nextSequenceNumber: 0 }])
    expect(codeOf(await host.fetchOne(session, 0))).toBe('shardNotFound')
    expect(await host.extents(0, 1)).toMatchObject([{ shardIndex: 1 }])
    expect(host.owner.calls).toEqual(['seal 1', 'forget 1'])
  })

  it('answers a fetch that also waits on another shard', async () => {
    const host = await startTestHost()
    const fetch = host.fetchOne(session, 0, { waitMs: 30_000 })
    await rest()
    await drop(host)
    expect(codeOf(await fetch)).toBe('shardNotFound')
  })

  it('may be repeated, also for shards that are not served', async () => {
    const host = await startTestHost()
    host.owner.failForget = true
    await expect(drop(host)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    host.owner.failForget = false
    await drop(host)
    await drop(host, 8)
    expect(host.owner.calls).toEqual(['forget 1', 'forget 1', 'forget 9'])
  })
})
