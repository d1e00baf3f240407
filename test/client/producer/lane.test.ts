// What becomes of a lane's batches after trouble, as a pure decision.
import { describe, expect, it } from 'vitest'
import { Lane } from '../../../client/producer/lane.ts'
import { PendingBatch } from '../../../client/producer/pending-batch.ts'
import { BatchBuilder } from '../../../protocol/record.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'

let producerIds = 0
const newLane = (shardIndex: number) => new Lane({ streamId: 1, shardIndex }, () => ++producerIds)

/** Seals a batch of one record, accepted then. */
function fill(lane: Lane, acceptedAt = 0): void {
  const builder = new BatchBuilder({ bytesMax: 1024 })
  builder.tryAdd({ partitionKey: 'k', data: new Uint8Array(1) }, new Uint32Array(4), 0)
  lane.open = new PendingBatch(builder, acceptedAt)
  lane.open.recordCount = 1
  lane.seal('none')
}

const refusal = (code: 'corruptBatch' | 'connectionLost' | 'overloaded') => new MillraceError(code, 'No.')

describe('a lane', () => {
  it('leaves doubt behind with the identity under which a batch was sent', () => {
    const lane = newLane(0)
    for (let i = 0; i < 3; i++) fill(lane)
    const [first, second, third] = [lane.take(), lane.take(), lane.take()]
    lane.refused(first, refusal('corruptBatch'))
    lane.refused(second, refusal('overloaded'))
    lane.refused(third, refusal('connectionLost'))
    expect(lane.verdict(0, 1000)).toMatchObject({
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
    expect(lane.verdict(1100, 1000)).toMatchObject({ verdict: 'giveUp', count: 3 })
  })
})
