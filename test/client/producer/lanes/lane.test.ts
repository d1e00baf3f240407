// What becomes of a lane's batches after trouble, as a pure decision.
import { describe, expect, it } from 'vitest'
import { Lane } from '../../../../client/producer/lanes/lane.ts'
import { PendingBatch } from '../../../../client/producer/batches/pending-batch.ts'
import { BatchBuilder } from '../../../../protocol/batch/record.ts'
import { producerNumber } from '../../../support/producers.ts'
import { producerEpochAt, producerIdAt } from '../../../../protocol/batch/batch.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { producerIdentityOf } from '../../../../protocol/producer-identity.ts'

let producers = 0
const newLane = (shardIndex: number) =>
  new Lane({ streamId: 1, shardIndex }, () => producerNumber(++producers))

/** Seals a batch of one record, accepted then. */
function fill(lane: Lane, acceptedAt = 0): void {
  const builder = new BatchBuilder({ bytesMax: 1024 })
  builder.tryAdd({ partitionKey: 'k', data: new Uint8Array(1) }, new Uint32Array(4), 0)
  lane.open = new PendingBatch(builder, acceptedAt)
  lane.open.recordCount = 1
  lane.seal('none')
}

const refusal = (
  code:
    'corruptBatch' | 'connectionLost' | 'overloaded' | 'producerUnproven' | 'provisionedThroughputExceeded',
) => new MillraceError(code, 'No.')

describe('a lane', () => {
  it('leaves doubt behind with the identity under which a batch was sent', () => {
    const lane = newLane(0)
    for (let i = 0; i < 3; i++) fill(lane)
    const [first, second, third] = [lane.take(), lane.take(), lane.take()]
    lane.refused(first, refusal('corruptBatch'))
    lane.refused(second, refusal('overloaded'))
    lane.refused(third, refusal('connectionLost'))
    expect(lane.verdict(0, { deliveryTimeoutMs: 1000, recordTtlMs: Infinity })).toMatchObject({
      verdict: 'giveUp',
      count: 1,
      error: { code: 'corruptBatch' },
    })
    lane.drop(1)
    const child = newLane(1)
    for (const batch of lane.empty()) child.renew(batch)
    expect([second.inDoubt, third.inDoubt]).toEqual([false, false])
  })

  it('gives up every batch whose time is over at once, and none that has some left', () => {
    const lane = newLane(0)
    for (const acceptedAt of [0, 10, 20, 500, 30]) fill(lane, acceptedAt)
    expect(lane.verdict(1100, { deliveryTimeoutMs: 1000, recordTtlMs: Infinity })).toMatchObject({
      verdict: 'giveUp',
      count: 3,
    })
  })
})

describe("a lane whose shard has used up its limits, with onThrottled: 'fail'", () => {
  const patience = { deliveryTimeoutMs: 1000, recordTtlMs: Infinity, onThrottled: 'fail' } as const

  it('gives up the refused batch alone', () => {
    const lane = newLane(0)
    for (let i = 0; i < 2; i++) fill(lane)
    const [first, second] = [lane.take(), lane.take()]
    lane.refused(first, refusal('provisionedThroughputExceeded'))
    lane.refused(second, refusal('overloaded'))
    const error = { code: 'provisionedThroughputExceeded', sideEffects: 'none' }
    expect(lane.verdict(0, patience)).toMatchObject({ verdict: 'giveUp', count: 1, error })
    lane.drop(1)
    expect(lane.verdict(0, patience)).toMatchObject({ verdict: 'wait' })
  })

  it('asks on for a batch that may be stored', () => {
    const lane = newLane(0)
    fill(lane)
    lane.refused(lane.take(), refusal('connectionLost'))
    expect(lane.verdict(0, patience)).toEqual({ verdict: 'send' })
    lane.resume()
    lane.refused(lane.take(), refusal('provisionedThroughputExceeded'))
    expect(lane.verdict(0, patience)).toMatchObject({ verdict: 'wait' })
  })
})

describe("a lane's identity", () => {
  it('is drawn anew where another producer has it, and only then', () => {
    const lane = newLane(0)
    for (let i = 0; i < 2; i++) fill(lane)
    const [first, second] = [lane.take(), lane.take()]
    const secret = first.producerSecret
    expect(producerIdentityOf(secret!).producerId).toBe(producerIdAt(first.bytes!, 0))
    lane.refused(first, refusal('corruptBatch'))
    lane.refused(second, refusal('overloaded'))
    lane.drop(1)
    for (const batch of lane.empty()) lane.renew(batch)
    expect(second.producerSecret).toBe(secret)
    expect(producerEpochAt(second.bytes!, 0)).toBe(1)
    lane.refused(lane.take(), refusal('producerUnproven'))
    expect(lane.verdict(0, { deliveryTimeoutMs: 1000, recordTtlMs: Infinity })).toMatchObject({
      count: 1,
      error: { code: 'producerUnproven' },
    })
    fill(lane)
    lane.drop(1)
    for (const batch of lane.empty()) lane.renew(batch)
    const third = lane.take()
    expect(third.producerSecret).not.toEqual(secret)
    expect(producerIdentityOf(third.producerSecret!).producerId).toBe(producerIdAt(third.bytes!, 0))
    expect(producerEpochAt(third.bytes!, 0)).toBe(0)
  })
})
