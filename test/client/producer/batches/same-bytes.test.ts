// A batch that may be sent again keeps its bytes, although the memory of stored batches is used again for new ones.
import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Accumulator } from '../../../../client/producer/batches/accumulator.ts'
import type { Lane } from '../../../../client/producer/lanes/lane.ts'
import { resolveProducerSettings } from '../../../../client/producer/options.ts'
import type { PendingBatch } from '../../../../client/producer/batches/pending-batch.ts'
import { encryptBatch } from '../../../../protocol/batch/encryption.ts'
import { hashKeyFromBigInt } from '../../../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { RoutedShard } from '../../../../protocol/operations.ts'
import { ShardMap, evenRanges } from '../../../../protocol/shards/shard-map.ts'

const SHARDS = 3

const key = { id: 'key', secret: createSecretKey(Buffer.alloc(32, 1)) }

function encrypt(batch: Uint8Array, take: (bytes: number) => Uint8Array): Uint8Array {
  return encryptBatch(batch, { key, stream: 'clicks', nonce: randomBytes(24), random: Math.random, take })
}

const steps = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant('add' as const),
      at: fc.nat(2),
      kilobytes: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('send' as const), at: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant('stored' as const), at: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('lost' as const), at: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('startOver' as const), at: fc.nat(2) }) },
)

/** A producer without sockets, and what of its batches is under way. */
class Sending {
  readonly records: Accumulator
  readonly #inFlight = new Map<Lane, PendingBatch[]>()
  /** Of every batch that was sent and is not settled: the bytes, as they were sent first. */
  readonly #sent = new Map<PendingBatch, Buffer>()
  /** What a broken connection may still deliver, although it is stored. */
  readonly #lingering: { bytes: Uint8Array; sent: Buffer }[] = []
  reused = 0
  readonly #memory = new Set<ArrayBufferLike>()
  #value = 0

  constructor(compression: 'none' | 'gzip', isEncrypted: boolean) {
    const map = new ShardMap(evenRanges(SHARDS).map((range, index) => ({ index, range })))
    this.records = new Accumulator({
      routing: { streamId: 1, map, shard: (index) => ({ index, state: 'OPEN' }) as RoutedShard },
      producerSettings: resolveProducerSettings({ batchBytes: 40_000, compression }),
      monotonic: () => 0,
      random: Math.random,
      randomBytes,
      onReady: () => {},
      encryption: isEncrypted ? { encrypt } : undefined,
    })
  }

  add(at: number, kilobytes: number): void {
    const hashKey = hashKeyFromBigInt((2n ** 128n / BigInt(SHARDS)) * BigInt(at) + 1n)
    const data = Buffer.alloc(kilobytes * 1000, `${this.#value++} `)
    this.records.add({ partitionKey: 'k', data, explicitHashKey: hashKey }, hashKey, 0)
  }

  send(lane: Lane): void {
    if (!lane.hasSealed && lane.hasPartial) this.records.seal(lane)
    if (!lane.hasSealed) return
    const batch = lane.take()
    this.records.prepare(batch)
    const bytes = batch.sentBytes
    // The first sending of what has memory that another batch had before.
    if (!this.#sent.has(batch)) {
      if (this.#memory.has(bytes.buffer)) this.reused++
      this.#memory.add(bytes.buffer)
      this.#sent.set(batch, Buffer.from(bytes))
    }
    this.#inFlight.set(lane, [...(this.#inFlight.get(lane) ?? []), batch])
  }

  /** The oldest one under way is acknowledged. */
  stored(lane: Lane): void {
    const batch = this.#inFlight.get(lane)?.shift()
    if (batch === undefined || !lane.stored(batch)) return
    if (batch.sendings > 1) this.#lingering.push({ bytes: batch.sentBytes, sent: this.#sent.get(batch)! })
    this.#sent.delete(batch)
    this.records.releaseStored(batch)
  }

  /** The connection breaks: every batch under way goes again. */
  lost(lane: Lane): void {
    for (const batch of this.#inFlight.get(lane)?.splice(0) ?? [])
      lane.refused(batch, new MillraceError('connectionLost', 'It broke.'))
    lane.resume()
  }

  /** Nothing is in doubt, and the rest goes on in the next epoch: under other numbers, so that its bytes are others. */
  startOver(lane: Lane): void {
    if ((this.#inFlight.get(lane)?.length ?? 0) > 0) return
    for (const batch of lane.batches()) {
      if (batch.inDoubt) return
      this.#sent.delete(batch)
    }
    this.records.startOver(lane)
  }

  expectUnchanged(): void {
    for (const [batch, bytes] of this.#sent) expect(bytes.equals(batch.sentBytes)).toBe(true)
    for (const { bytes, sent } of this.#lingering) expect(sent.equals(bytes)).toBe(true)
  }
}

it('a batch keeps its bytes until it is settled, whatever becomes of others and of their memory', () => {
  let reused = 0
  fc.assert(
    fc.property(
      fc.array(steps, { minLength: 20, maxLength: 200 }),
      fc.constantFrom('none' as const, 'gzip' as const),
      fc.boolean(),
      (todo, compression, isEncrypted) => {
        const sending = new Sending(compression, isEncrypted)
        for (const step of todo) {
          if (step.step === 'add') sending.add(step.at, step.kilobytes)
          const lane = sending.records.lanes.all().find(({ shardIndex }) => shardIndex === step.at)
          if (lane === undefined || step.step === 'add') continue
          sending[step.step](lane)
          sending.expectUnchanged()
        }
        reused += sending.reused
      },
    ),
    { numRuns: 150 },
  )
  expect(reused, 'memory is used again').toBeGreaterThan(0)
})
