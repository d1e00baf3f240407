// Reads at the edge of expiry: exact to the millisecond of arrival, from memory and from storage alike.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { Position } from '../../../../protocol/operations.ts'
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
import { servedDefaults } from '../../../support/requests.ts'
import { rest } from '../support/stepped-time.ts'

const RETENTION_MS = 10_000
const HOUR = 3_600_000

const settingsOf = (retentionMs: number) => ({ ...servedDefaults, retentionMs })

async function startEmpty(tailCacheBytes: number, retentionMs = RETENTION_MS): Promise<TestHost> {
  const shards = [placedShard(0, { settings: settingsOf(retentionMs) })]
  return startTestHost({ shards, settings: { tailCacheBytes } })
}

/** Starts a host with numbers 0–1, 2 and 3–4 in three batches that arrived a second apart, the last one now. */
async function startFilled(tailCacheBytes: number): Promise<TestHost> {
  const host = await startEmpty(tailCacheBytes)
  for (const texts of [['a', 'b'], ['c'], ['d', 'e']]) {
    host.time.advance(1000)
    await host.append(new FakeSession(), makeBatch(texts))
  }
  return host
}

const resolve = async (host: TestHost, position: Position): Promise<number> =>
  (await host.resolve(new FakeSession(), position)).sequenceNumber

async function fetched(host: TestHost, from: number): Promise<readonly string[] | string> {
  const answer = await host.fetchOne(new FakeSession(), from)
  return answer.code === 0 ? contents(answer.batches, from) : codeOf(answer)
}

describe.each([
  ['from memory', 1 << 20],
  ['from storage', 0],
])('a record past its retention, %s', (_where, cacheBytes) => {
  it('is readable at exactly its retention, and never a millisecond later', async () => {
    const host = await startFilled(cacheBytes)
    host.time.advance(RETENTION_MS - 2000)
    expect(await fetched(host, 0)).toEqual(['0:a', '1:b', '2:c', '3:d', '4:e'])
    host.time.advance(1)
    const answer = await host.fetchOne(new FakeSession(), 0)
    expect(codeOf(answer)).toBe('trimmed')
    expect(answer.trimHorizon).toBe(2)
    expect(await fetched(host, 1)).toBe('trimmed')
    expect(await fetched(host, 2)).toEqual(['2:c', '3:d', '4:e'])
  })

  it('is below every position and every described extent', async () => {
    const host = await startFilled(cacheBytes)
    const early = host.time.now() - 5000
    host.time.advance(RETENTION_MS - 1000)
    expect((await host.resolve(new FakeSession(), at('LATEST'))).trimHorizon).toBe(2)
    host.time.advance(1)
    expect((await host.extents(0, 1)).map(({ trimHorizon }) => trimHorizon)).toEqual([3])
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(3)
    expect(await resolve(host, at('AT_TIMESTAMP', early))).toBe(3)
    await expect(resolve(host, at('AT_SEQUENCE_NUMBER', 2))).rejects.toMatchObject({ code: 'trimmed' })
    host.time.advance(1000)
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(5)
    expect((await host.extents(0, 1))[0]).toMatchObject({ trimHorizon: 5, tail: 5 })
  })

  it('is not pushed: the subscription ends, with the number to go on from', async () => {
    const host = await startFilled(cacheBytes)
    const session = new FakeSession()
    const { subscriptionId } = await host.subscribe(session, { creditBytes: 1 })
    await rest()
    expect(contents(session.pushed)).toEqual(['0:a', '1:b'])
    host.time.advance(RETENTION_MS)
    host.engine.events.credit({ subscriptionId, bytes: 1 << 20 }, session)
    await rest()
    expect(session.sent('subscriptionEnded').map(codeOf)).toEqual(['trimmed'])
    expect(contents(session.pushed)).toEqual(['0:a', '1:b'])
    const again = new FakeSession()
    await host.subscribe(again)
    await rest()
    expect(contents(again.pushed)).toEqual(['3:d', '4:e'])
  })

  it('does not come back with a longer retention, and goes at once with a shorter one', async () => {
    const host = await startFilled(cacheBytes)
    host.time.advance(RETENTION_MS - 1999)
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(2)
    host.engine.lifecycle.update(STREAM, settingsOf(10 * RETENTION_MS))
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(2)
    expect(await fetched(host, 0)).toBe('trimmed')
    host.time.advance(5 * RETENTION_MS)
    expect(await fetched(host, 2)).toEqual(['2:c', '3:d', '4:e'])
    host.engine.lifecycle.update(STREAM, settingsOf(1000))
    expect(await fetched(host, 2)).toBe('trimmed')
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(5)
  })

  it('stays expired after a crash once a longer retention is held, even if other settings come first', async () => {
    const host = await startFilled(cacheBytes)
    host.time.advance(RETENTION_MS - 1999)
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(2)
    const hold = (retentionMs: number) =>
      host.engine.lifecycle.holdRetention({ streamId: STREAM, retentionMs })
    const durable = () => host.owner.shards.get(1)?.trimHorizon
    expect(durable()).toBe(0)
    await hold(3 * RETENTION_MS)
    expect(durable()).toBe(2)
    host.time.advance(RETENTION_MS)
    host.engine.lifecycle.update(STREAM, settingsOf(RETENTION_MS))
    expect(await fetched(host, 2)).toEqual(['2:c', '3:d', '4:e'])
    await hold(0)
    expect(await fetched(host, 2)).toBe('trimmed')
  })

  it('is kept by the settings again, once they give the held retention', async () => {
    const host = await startFilled(cacheBytes)
    await host.engine.lifecycle.holdRetention({ streamId: STREAM, retentionMs: 2 * RETENTION_MS })
    host.engine.lifecycle.update(STREAM, settingsOf(2 * RETENTION_MS))
    host.engine.lifecycle.update(STREAM, settingsOf(RETENTION_MS))
    host.time.advance(RETENTION_MS - 1999)
    expect(await fetched(host, 0)).toBe('trimmed')
  })

  it('does not expire when the clock jumps ahead, nor come back when it jumps back', async () => {
    const host = await startFilled(cacheBytes)
    host.time.ahead = 100 * HOUR
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(0)
    expect(await fetched(host, 0)).toHaveLength(5)
    host.time.ahead = 0
    host.time.advance(RETENTION_MS - 1999)
    expect(await fetched(host, 0)).toBe('trimmed')
    host.time.ahead = -HOUR
    expect(await fetched(host, 0)).toBe('trimmed')
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(2)
    // A record that arrives while the clock is behind gets the arrival time of the record before it, and expires with it.
    await host.append(new FakeSession(), makeBatch(['f']))
    host.time.ahead = 0
    expect(await fetched(host, 2)).toEqual(['2:c', '3:d', '4:e', '5:f'])
  })

  it('of a closed shard does not keep readers from its end', async () => {
    const host = await startFilled(cacheBytes)
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [1, 2] }] })
    host.time.advance(RETENTION_MS + 1)
    expect(await fetched(host, 4)).toBe('trimmed')
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(5)
    const answer = await host.fetchOne(new FakeSession(), 5)
    expect(answer).toMatchObject({ code: 0, ended: true, nextSequenceNumber: 5 })
  })
})

it('a read: answers exactly the records that have not expired, whenever they arrived', async () => {
  const append = fc.record({ pause: fc.nat(8), count: fc.integer({ min: 1, max: 3 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(append, { minLength: 1, maxLength: 20 }),
      fc.nat(6000),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 10 }),
      async (appends, tailCacheBytes, pauses) => {
        const host = await startEmpty(tailCacheBytes, 20)
        const records: { arrival: number; text: string }[] = []
        for (const { pause, count } of appends) {
          host.time.advance(pause)
          const texts = Array.from({ length: count }, (_, i) => `${records.length + i}`)
          for (const text of texts) records.push({ arrival: host.time.now(), text: `${text}:${text}` })
          await host.append(new FakeSession(), makeBatch(texts))
        }
        for (const pause of pauses) {
          host.time.advance(pause)
          const alive = records.findIndex(({ arrival }) => arrival >= host.time.now() - 20)
          const horizon = alive < 0 ? records.length : alive
          for (let from = 0; from < records.length; from++) {
            const expected = from < horizon ? 'trimmed' : records.slice(from).map(({ text }) => text)
            expect(await fetched(host, from)).toEqual(expected)
          }
          expect(await resolve(host, at('TRIM_HORIZON'))).toBe(horizon)
        }
      },
    ),
    { numRuns: 40 },
  )
})

describe('a search for a horizon', () => {
  it('happens once for all reads that ask at the same time, and not again until records expire', async () => {
    const host = await startFilled(0)
    host.time.advance(RETENTION_MS - 1500)
    const seeks = (): number => host.reader.seeks
    const found = await Promise.all(Array.from({ length: 50 }, () => resolve(host, at('TRIM_HORIZON'))))
    expect(new Set(found)).toEqual(new Set([2]))
    expect(seeks()).toBe(1)
    host.time.advance(400)
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(2)
    expect(seeks()).toBe(1)
    host.time.advance(200)
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(3)
    expect(seeks()).toBe(2)
  })

  it('that fails still hides expired records, and reads go on batch by batch', async () => {
    const host = await startFilled(0)
    host.reader.seek = () => Promise.reject(new MillraceError('corruptData', 'a test'))
    host.time.advance(RETENTION_MS - 500)
    expect(await resolve(host, at('TRIM_HORIZON'))).toBe(0)
    const horizons: number[] = []
    for (let from = 0; ;) {
      const answer = await host.fetchOne(new FakeSession(), from)
      if (answer.code === 0) {
        expect(contents(answer.batches, from)).toEqual(['3:d', '4:e'])
        break
      }
      expect(codeOf(answer)).toBe('trimmed')
      horizons.push((from = answer.trimHorizon))
    }
    expect(horizons).toEqual([2, 3])
  })

  it('answers trimmed, not corruptData, for damage among expired records', async () => {
    const host = await startFilled(0)
    host.reader.corruptFrom = 0
    expect(await fetched(host, 0)).toBe('corruptData')
    host.time.advance(RETENTION_MS - 500)
    expect(await fetched(host, 0)).toBe('trimmed')
    expect(await fetched(host, 3)).toBe('corruptData')
  })
})

it('a search for a horizon: ends before a longer retention is answered as held, and its horizon is made durable', async () => {
  const host = await startFilled(0)
  host.time.advance(RETENTION_MS - 1999)
  let goOn = (): void => {}
  const { seek } = host.reader
  const searching = new Promise<void>((resolve) => {
    host.reader.seek = async (request) => {
      resolve()
      await new Promise<void>((release) => (goOn = release))
      return seek.call(host.reader, request)
    }
  })
  const resolved = resolve(host, at('TRIM_HORIZON'))
  await searching
  const held = host.engine.lifecycle.holdRetention({ streamId: STREAM, retentionMs: 3 * RETENTION_MS })
  await rest()
  expect(host.owner.shards.get(1)?.trimHorizon).toBe(0)
  goOn()
  await held
  expect(await resolved).toBe(2)
  expect(host.owner.shards.get(1)?.trimHorizon).toBe(2)
})
