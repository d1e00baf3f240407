// The producer's promise under every schedule of trouble: connections that break before, after or long before an append
// is done, refusals of requests and of single batches, hosts that do not answer, deadlines that pass, shards that are
// split, merged and limited.
// The broker is a model that keeps the documented rules; what it stored is compared with what the producer said.
import { createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  connect,
  MillraceError,
  type Acknowledgement,
  type ConnectOptions,
  type Key,
} from '../../../client/index.ts'
import {
  compareHashKeys,
  isEncryptedAt,
  keyIdOf,
  mergeRanges,
  openBatch,
  openWithoutKeys,
} from '../../../protocol/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import type { Disturbance } from '../support/disturbance.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import type { FakeShard } from '../support/fake-shard.ts'
import { SentContent } from '../support/sent-content.ts'

const KEYS = ['ada', 'bob', 'cyd', 'dee', 'eve', 'fay']

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const refusals = [
  'overloaded',
  'unavailable',
  'storageFull',
  'provisionedThroughputExceeded',
  'outcomeUnknown',
  'internal',
  'shardNotFound',
  'invalidBatch',
  'corruptBatch',
] as const

const disturbances = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Disturbance>('none') },
  { weight: 4, arbitrary: fc.constantFrom<Disturbance>('lostBefore', 'lostAfter', 'lingers', 'hangs') },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('overloaded', 'unavailable', 'internal', 'outcomeUnknown' as const)
      .map((refuse): Disturbance => ({ refuse })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...refusals), fc.integer({ min: 0, max: 3 }), fc.boolean())
      .map(([code, at, stores]): Disturbance => {
        const mayStore = stores && (code === 'outcomeUnknown' || code === 'internal')
        return { refuseBatch: (place) => (place === at ? code : undefined), stores: mayStore }
      }),
  },
)

/** A stretch of the application's life: keys to send at once, then what happens, then how long it waits. */
const stretches = fc.record({
  keys: fc.array(fc.integer({ min: 0, max: KEYS.length - 1 }), { maxLength: 12 }),
  event: fc.oneof(
    { weight: 6, arbitrary: fc.constant('nothing' as const) },
    { weight: 1, arbitrary: fc.constantFrom('disconnect', 'restart', 'outage' as const) },
    { weight: 2, arbitrary: fc.constantFrom('split', 'merge', 'wave' as const) },
  ),
  /** How long a reshard takes from the sealing of the parents until the children are known. */
  sealedMs: fc.constantFrom(0, 0, 1, 30),
  waitMs: fc.constantFrom(0, 0, 10, 60, 250),
})

const schedules = fc.record({
  shards: fc.integer({ min: 1, max: 3 }),
  /** Bytes a second that a shard takes, if it is limited. */
  bytesPerSecond: fc.constantFrom(undefined, undefined, 3000),
  hosts: fc.integer({ min: 1, max: 2 }),
  batchRecords: fc.integer({ min: 1, max: 3 }),
  deliveryTimeoutMs: fc.constantFrom(30, 100, 300, 100_000),
  recordTtlMs: fc.constantFrom(Infinity, Infinity, 20, 100),
  stretches: fc.array(stretches, { minLength: 1, maxLength: 8 }),
  /** What becomes of each append request, and whether a shard splits right after it. */
  troubles: fc.array(
    fc.record({
      disturbance: disturbances,
      splits: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
    { maxLength: 30 },
  ),
  /** How the key provider of an encrypting producer answers; undefined for one that does not encrypt. */
  keys: fc.constantFrom(undefined, undefined, 'sound', 'fails now and then', 'rotates' as const),
  /** An aborted producer says at once of each record whether it may be stored. */
  ending: fc.constantFrom('close', 'close', 'abort' as const),
})
type Schedule = typeof schedules extends fc.Arbitrary<infer S> ? S : never

interface Sent {
  readonly key: string
  readonly value: string
  outcome: Acknowledgement | MillraceError | undefined
}

const keys = ['one', 'two', 'three'].map((id, i) => ({ id, secret: createSecretKey(Buffer.alloc(32, i)) }))

function open(batch: Uint8Array): Uint8Array {
  if (!isEncryptedAt(batch, 0)) return openWithoutKeys(batch)
  return openBatch(batch, keys.find(({ id }) => id === keyIdOf(batch))!.secret, 'clicks')
}

function encryptionOf(how: Schedule['keys']): Pick<ConnectOptions, 'encryption'> {
  if (how === undefined) return {}
  let calls = 0
  const current = (): Key => {
    const call = calls++
    if (how === 'fails now and then' && call % 3 === 1) throw new Error('the vault is sealed')
    const { id, secret } = keys[how === 'rotates' ? call % keys.length : 0]!
    return { id, bytes: secret }
  }
  const key = () => undefined
  return { encryption: { keys: { current, key }, keyLifetimeMs: 1000 } }
}

async function run(schedule: Schedule) {
  const broker = new FakeBroker({ shards: schedule.shards, hosts: schedule.hosts })
  const limit = () => {
    const { bytesPerSecond } = schedule
    if (bytesPerSecond === undefined) return
    for (const shard of broker.openShards) shard.limitTo({ writeBytesPerSecond: bytesPerSecond })
  }
  limit()
  const reshard = (kind: 'split' | 'merge' | 'wave', choice: number, sealedMs = 0) => {
    const open = broker.openShards.filter(({ isSealed }) => !isSealed).toSorted(byRange)
    const at = choice % Math.max(1, open.length)
    const parents = { split: open.slice(at, at + 1), merge: open.slice(at, at + 2), wave: open }[kind]
    if (kind === 'merge' ? parents.length < 2 || !isAdjacent(parents) : broker.openShards.length >= 8) return
    const indexes = parents.map(({ index }) => index)
    broker.seal(...indexes)
    const publish = () => {
      if (kind === 'merge') broker.merge(indexes[0]!, indexes[1]!)
      else broker.split(...indexes)
      limit()
    }
    if (sealedMs === 0) publish()
    else setTimeout(publish, sealedMs)
  }
  const troubles = schedule.troubles.values()
  const content = new SentContent()
  const reused: Error[] = []
  broker.disturb = (message) => {
    if (message.operation !== 'append') return 'none'
    try {
      content.note(message.request)
    } catch (error) {
      reused.push(error as Error)
    }
    const trouble = troubles.next().value
    if (trouble?.splits) setImmediate(() => reshard('split', broker.appendSizes.length))
    return trouble?.disturbance ?? 'none'
  }
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 50,
      retry: { backoffMinMs: 1, backoffMaxMs: 20 },
      ...encryptionOf(schedule.keys),
    }),
  )
  const { batchRecords, deliveryTimeoutMs, recordTtlMs } = schedule
  const producer = await driven(client.producer('clicks', { batchRecords, deliveryTimeoutMs, recordTtlMs }))
  const sent: Sent[] = []
  const settling: Promise<void>[] = []
  for (const { keys, event, sealedMs, waitMs } of schedule.stretches) {
    for (const key of keys) {
      const record: Sent = { key: KEYS[key]!, value: `${KEYS[key]} ${sent.length}`, outcome: undefined }
      sent.push(record)
      const settled = producer.send({ partitionKey: record.key, data: record.value }).then(
        (acknowledgement) => void (record.outcome = acknowledgement),
        (error: MillraceError) => void (record.outcome = error),
      )
      settling.push(settled)
    }
    await turns(1)
    if (event === 'split' || event === 'merge' || event === 'wave') reshard(event, sent.length, sealedMs)
    else if (event === 'disconnect') broker.disconnect()
    const hostId = 1 + (sent.length % schedule.hosts)
    if (event === 'restart' || event === 'outage') broker.stopHost(hostId)
    // On a port of its own: where another host listens, a client sends it nothing.
    if (event === 'restart') broker.startHost(hostId, 7500 + 2 * broker.connections + hostId)
    if (waitMs > 0) await pass(waitMs)
    if (event === 'outage') broker.startHost(hostId)
  }
  if (schedule.ending === 'abort') producer.abort(new Error('enough'))
  await driven(producer.close(), { limitMs: 30_000 })
  await driven(Promise.all(settling))
  // Whatever still lingers on broken connections arrives now.
  broker.releaseLingering()
  await driven(client.close())
  return { broker, sent, producer, content, reused }
}

function byRange(a: FakeShard, b: FakeShard): number {
  return compareHashKeys(a.range.start, 0, b.range.start, 0)
}

function isAdjacent([a, b]: readonly FakeShard[]): boolean {
  return mergeRanges(a!.range, b!.range) !== undefined
}

/** Everything stored, shard by shard in the order of lineage: parents have lower indexes than their children. */
function storedIn(broker: FakeBroker) {
  return broker.shards.flatMap((shard) =>
    broker.recordsOf(shard.index, open).map((record) => ({
      shardIndex: shard.index,
      sequenceNumber: record.sequenceNumber,
      key: record.partitionKey,
      value: new TextDecoder().decode(record.data),
    })),
  )
}

describe('producer', () => {
  it('settles each record once, stores none twice, loses none acknowledged, and keeps the order of each key', async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const { broker, sent, producer, content, reused } = await run(schedule)
        expect(reused, 'what is sent again is the same to the letter').toEqual([])
        expect(
          content[schedule.keys === undefined ? 'encrypted' : 'open'],
          'all is encrypted, or nothing',
        ).toBe(0)
        const stored = storedIn(broker)
        const places = new Map<string, (typeof stored)[number]>()
        for (const record of stored) {
          expect(places.has(record.value), `${record.value} is stored once`).toBe(false)
          places.set(record.value, record)
        }
        for (const { value, outcome } of sent) {
          expect(outcome, `${value} is settled`).toBeDefined()
          const place = places.get(value)
          if (MillraceError.is(outcome)) {
            if (outcome.sideEffects === 'none') {
              expect(place, `${value} was refused with ${outcome.code}`).toBeUndefined()
            }
          } else {
            expect(place?.sequenceNumber, `${value} is where its acknowledgement says`).toBe(
              outcome!.sequenceNumber,
            )
            expect(outcome!.shardId).toBe(`shardId-${String(place!.shardIndex).padStart(12, '0')}`)
          }
        }
        for (const key of KEYS) {
          const order = stored.filter((record) => record.key === key).map((record) => record.value)
          const calls = sent.map(({ value }) => value).filter((value) => order.includes(value))
          expect(order, `the records of ${key} are stored in the order of the calls`).toEqual(calls)
        }
        expect(producer.metrics()).toMatchObject({ bufferedBytes: 0, bufferedRecords: 0, batchesInFlight: 0 })
      }),
      { numRuns: 200 },
    )
  })

  it('stores every record in the end, where no refusal is for good and no deadline passes', async () => {
    let repeated = 0
    let encrypted = 0
    const passing = fc.oneof(
      { weight: 3, arbitrary: fc.constant<Disturbance>('none') },
      { weight: 2, arbitrary: fc.constantFrom<Disturbance>('lostBefore', 'lostAfter', 'lingers', 'hangs') },
      {
        weight: 2,
        arbitrary: fc.constantFrom('overloaded', 'internal' as const).map((refuse) => ({ refuse })),
      },
    )
    const passingTroubles = fc.array(fc.record({ disturbance: passing, splits: fc.boolean() }), {
      maxLength: 25,
    })
    await fc.assert(
      fc.asyncProperty(schedules, passingTroubles, async (schedule, troubles) => {
        const { sent, content, reused } = await run({
          ...schedule,
          ending: 'close',
          deliveryTimeoutMs: 100_000,
          recordTtlMs: Infinity,
          troubles,
        })
        expect(reused, 'what is sent again is the same to the letter').toEqual([])
        repeated += content.repeated
        encrypted += content.encrypted
        expect(sent.filter(({ outcome }) => outcome === undefined || MillraceError.is(outcome))).toEqual([])
      }),
      { numRuns: 200 },
    )
    expect(repeated).toBeGreaterThan(0)
    expect(encrypted).toBeGreaterThan(0)
  })
})
