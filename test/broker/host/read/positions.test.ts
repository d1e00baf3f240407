// Positions: where each of the five kinds begins to read.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Position } from '../../../../protocol/operations.ts'
import { FakeSession } from '../support/fake-session.ts'
import { at, makeBatch, placedShard, startTestHost, type TestHost } from '../support/test-host.ts'

/** Starts a host with numbers 100 to 104, in batches of 2, 1 and 2 records that arrived a second apart. */
async function startFilled(tailCacheBytes: number): Promise<{ host: TestHost; times: readonly number[] }> {
  const host = await startTestHost({
    shards: [placedShard(0, { startingSequenceNumber: 100 })],
    settings: { tailCacheBytes },
  })
  const times: number[] = []
  for (const texts of [['a', 'b'], ['c'], ['d', 'e']]) {
    host.time.advance(1000)
    times.push(host.time.now())
    await host.append(new FakeSession(), makeBatch(texts))
  }
  return { host, times }
}

const number = async (host: TestHost, position: Position) =>
  (await host.resolve(new FakeSession(), position)).sequenceNumber

describe.each([
  ['from memory', 1 << 20],
  ['from storage', 0],
])('resolvePosition, %s', (_where, cacheBytes) => {
  it('TRIM_HORIZON is the oldest record, LATEST the next to come', async () => {
    const { host } = await startFilled(cacheBytes)
    const session = new FakeSession()
    const horizon = { trimHorizon: 100, tail: 105 }
    expect(await host.resolve(session, at('TRIM_HORIZON'))).toEqual({ sequenceNumber: 100, ...horizon })
    expect(await host.resolve(session, at('LATEST'))).toEqual({ sequenceNumber: 105, ...horizon })
  })

  it('AT_ and AFTER_SEQUENCE_NUMBER go from the horizon to the tail', async () => {
    const { host } = await startFilled(cacheBytes)
    for (const at_ of [100, 103, 105]) expect(await number(host, at('AT_SEQUENCE_NUMBER', at_))).toBe(at_)
    for (const after of [99, 102, 104]) {
      expect(await number(host, at('AFTER_SEQUENCE_NUMBER', after))).toBe(after + 1)
    }
  })

  it('refuses numbers below the horizon and above the tail, each with its own code', async () => {
    const { host } = await startFilled(cacheBytes)
    const refusals: [Position, string][] = [
      [at('AT_SEQUENCE_NUMBER', 99), 'trimmed'],
      [at('AFTER_SEQUENCE_NUMBER', 98), 'trimmed'],
      [at('AT_SEQUENCE_NUMBER', 106), 'invalidPosition'],
      [at('AFTER_SEQUENCE_NUMBER', 105), 'invalidPosition'],
      [at('AFTER_SEQUENCE_NUMBER', Number.MAX_SAFE_INTEGER), 'invalidPosition'],
    ]
    for (const [position, code] of refusals) {
      await expect(number(host, position)).rejects.toMatchObject({ code })
    }
  })

  it('refuses a position whose fields contradict its type', async () => {
    const { host } = await startFilled(cacheBytes)
    const wrong: Position[] = [
      at('AT_SEQUENCE_NUMBER'),
      at('AFTER_SEQUENCE_NUMBER'),
      at('AT_TIMESTAMP'),
      { type: 'LATEST', sequenceNumber: 101, timestamp: undefined },
      { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: 5 },
      { type: 'AT_TIMESTAMP', sequenceNumber: 101, timestamp: 5 },
    ]
    for (const position of wrong) {
      await expect(number(host, position)).rejects.toMatchObject({ code: 'invalidArgument' })
    }
  })

  it('AT_TIMESTAMP is exact to the millisecond: the first record that arrived then or later', async () => {
    const { host, times } = await startFilled(cacheBytes)
    const bases = [100, 102, 103]
    for (const [i, time] of times.entries()) {
      expect(await number(host, at('AT_TIMESTAMP', time - 1))).toBe(bases[i])
      expect(await number(host, at('AT_TIMESTAMP', time))).toBe(bases[i])
      expect(await number(host, at('AT_TIMESTAMP', time + 1))).toBe(bases[i + 1] ?? 105)
    }
  })

  it('AT_TIMESTAMP is the horizon for a time before all records, and the tail for a time to come', async () => {
    const { host } = await startFilled(cacheBytes)
    expect(await number(host, at('AT_TIMESTAMP', 0))).toBe(100)
    expect(await number(host, at('AT_TIMESTAMP', host.time.now() + 1e9))).toBe(105)
  })

  it('refuses a shard that is not served', async () => {
    const { host } = await startFilled(cacheBytes)
    const request = { streamId: 1, shardIndex: 0, position: at('LATEST') }
    await expect(
      (async () => host.engine.handlers.resolvePosition(request, new FakeSession().context))(),
    ).rejects.toMatchObject({ code: 'shardNotFound' })
  })
})

it('AT_TIMESTAMP: has the same result from memory, from storage, and with part of the records in memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ pause: fc.nat(3), count: fc.integer({ min: 1, max: 3 }) }), {
        minLength: 1,
        maxLength: 25,
      }),
      fc.nat(8000),
      async (appends, tailCacheBytes) => {
        const host = await startTestHost({ settings: { tailCacheBytes } })
        const start = host.time.now()
        const model: { base: number; time: number }[] = []
        let tail = 0
        for (const { pause, count } of appends) {
          host.time.advance(pause)
          model.push({ base: tail, time: host.time.now() })
          tail += count
          await host.append(new FakeSession(), makeBatch(Array.from({ length: count }, (_, i) => `${i}`)))
        }
        for (let time = start - 1; time <= host.time.now() + 1; time++) {
          const expected = model.find((batch) => batch.time >= time)?.base ?? tail
          expect(await number(host, at('AT_TIMESTAMP', time))).toBe(expected)
        }
      },
    ),
    { numRuns: 50 },
  )
})
