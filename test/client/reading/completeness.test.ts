// Readers and subscriptions over failing connections: they get every record from the begin on, once, in order within its shard,
// parents before children.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Reading, type StreamRecord } from '../../../client/index.ts'
import { compareHashKeys } from '../../../protocol/index.ts'
import { driven, fakeTime, turns } from '../support/drive.ts'
import type { Disturbance } from '../support/disturbance.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { fill } from '../support/fill.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const events = fc.oneof(
  { weight: 4, arbitrary: fc.record({ fill: fc.nat(5), size: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'disconnect',
      'restart',
      'split',
      'merge',
      'wave',
      'turn',
      'slowConsumer',
      'overloaded' as const,
    ),
  },
)

const plans = fc.record({
  shards: fc.integer({ min: 1, max: 3 }),
  hosts: fc.integer({ min: 1, max: 2 }),
  filled: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }),
  events: fc.array(events, { maxLength: 15 }),
  /** What becomes of fetches and subscribes. */
  disturbances: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<Disturbance>('none') },
      { weight: 2, arbitrary: fc.constantFrom<Disturbance>('lostBefore', 'lostAfter', 'hangs') },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('overloaded', 'unavailable', 'shardNotFound' as const)
          .map((refuse): Disturbance => ({ refuse })),
      },
    ),
    { maxLength: 10 },
  ),
  by: fc.constantFrom('read', 'subscribe' as const),
  bytes: fc.constantFrom(1, 500, 1_000_000),
})
type Plan = typeof plans extends fc.Arbitrary<infer P> ? P : never

async function play(
  plan: Plan,
): Promise<{ broker: FakeBroker; expected: string[]; records: StreamRecord[] }> {
  const broker = new FakeBroker({ shards: plan.shards, hosts: plan.hosts })
  const expected: string[] = []
  for (const shard of broker.shards) expected.push(...fill(broker, shard.index, plan.filled))
  const troubles = plan.disturbances.values()
  broker.disturb = ({ operation }) =>
    operation === 'fetch' || operation === 'subscribe' ? (troubles.next().value ?? 'none') : 'none'
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 50,
      retry: { backoffMinMs: 1, backoffMaxMs: 10 },
    }),
  )
  const reading: Reading<Uint8Array> =
    plan.by === 'read'
      ? client.read('clicks', { follow: true, maxWaitMs: 1000, bufferBytesMax: plan.bytes })
      : client.subscribe('clicks', { from: 'TRIM_HORIZON', creditBytes: plan.bytes })
  const records: StreamRecord[] = []
  const looping = (async () => {
    for await (const record of reading) records.push(record)
  })()
  looping.catch(() => {})
  await driven(reading.started)
  for (const event of plan.events) {
    const open = broker.shards.filter((shard) => shard.state === 'OPEN')
    if (typeof event === 'object') {
      expected.push(...fill(broker, open[event.fill % open.length]!.index, [event.size]))
    } else if (event === 'disconnect') broker.disconnect()
    else if (event === 'turn') await turns()
    else if (event === 'split') {
      if (open.length < 5) broker.split(open[expected.length % open.length]!.index)
    } else if (event === 'wave') {
      if (open.length < 5) broker.split(...open.map(({ index }) => index))
    } else if (event === 'merge') {
      const [a, b] = open.toSorted((x, y) => compareHashKeys(x.range.start, 0, y.range.start, 0))
      if (b !== undefined) broker.merge(a!.index, b.index)
    } else if (event === 'restart') {
      broker.stopHost(1)
      await turns()
      broker.startHost(1, 7500 + broker.connections)
    } else broker.endSubscriptions(event)
  }
  const complete = async () => {
    while (records.length < expected.length) await turns(1)
  }
  await driven(Promise.race([complete(), looping]), { limitMs: 60_000 })
  await driven(reading.close())
  await driven(looping)
  await driven(client.close())
  return { broker, expected, records }
}

describe('reading', () => {
  it('brings every record once, in order within its shard, parents before children', async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { broker, expected, records } = await play(plan)
        const values = records.map(({ data }) => Buffer.from(data).toString())
        expect(values.toSorted()).toEqual(expected.toSorted())
        const next = new Map<string, number>()
        for (const { shardId, sequenceNumber } of records) {
          expect(sequenceNumber).toBe(next.get(shardId) ?? sequenceNumber)
          next.set(shardId, sequenceNumber + 1)
        }
        const order = records.map(({ shardId }) => Number(shardId.slice('shardId-'.length)))
        for (const { index, parents } of broker.shards) {
          const begin = order.indexOf(index)
          for (const parent of parents) {
            if (begin >= 0) expect(order.lastIndexOf(parent), 'a parent is drained first').toBeLessThan(begin)
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  it('brings the records of a parent before those of its children', async () => {
    const broker = new FakeBroker({ shards: 1 })
    fill(broker, 0, [3, 2])
    broker.split(0)
    fill(broker, 1, [2])
    fill(broker, 2, [1])
    broker.split(2)
    fill(broker, 3, [1])
    const client = await driven(connect('millrace://fake', { dial: broker.dial }))
    for (const reading of [
      client.read('clicks'),
      client.read('clicks', { follow: true }),
      client.subscribe('clicks', { from: 'TRIM_HORIZON' }),
    ]) {
      const seen: string[] = []
      const loop = async () => {
        for await (const record of reading) {
          seen.push(record.shardId.slice(-1))
          if (seen.length === 9) break
        }
      }
      await driven(loop())
      expect(seen.slice(0, 5)).toEqual(['0', '0', '0', '0', '0'])
      expect(seen.indexOf('3')).toBeGreaterThan(seen.indexOf('2'))
      expect(seen.toSorted().join('')).toBe('000001123')
    }
    await driven(client.close())
  })
})
