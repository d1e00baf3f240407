// Promises of the look into a shard for records that may have been stored: when it is taken, how far it goes, and what it settles.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { driven, fakeTime, pass } from '../support/drive.ts'
import { MINUTE_MS, cutOff, keeping, recordsOf, stored, unkept, withWriter } from './support/scene.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('a shard is looked at', () => {
  it.each(['lostBefore', 'lostAfter'] as const)(
    'for records of a producer that the broker has forgotten (%s)',
    (how) =>
      withWriter({}, async (scene) => {
        const { broker, writer } = scene
        await driven(writer.append(recordsOf('a', 2), unkept))
        const plan = await cutOff(scene, recordsOf('b', 2), how)
        // Earlier than it may: the number that follows tells.
        broker.shards[0]!.forgetProducers()
        const { plans, keep } = keeping()
        await driven((await scene.again()).resume(plan, recordsOf('b', 2), { keep }))
        expect(stored(broker)).toEqual(['a0', 'a1', 'b0', 'b1'])
        // What was lost goes under another producer, which had to be kept first.
        const { secret: before } = plan.parts[0]!
        const unsettled =
          plans.at(-1)?.parts.filter(({ batches, stored: count }) => count < batches.length) ?? []
        expect(unsettled.map((part) => part.secret === before)).toEqual(how === 'lostBefore' ? [false] : [])
      }),
  )

  it('where the shard stood at the plan, and no further than its records can be', () =>
    withWriter({}, async (scene) => {
      const { broker, writer } = scene
      const other = await driven(scene.client.producer('clicks'))
      const storeOthers = async (count: number) => {
        for (let i = 0; i < count; i++) {
          await driven(other.send({ partitionKey: 'x', data: Buffer.alloc(1_000_000) }))
          await pass(MINUTE_MS, 10_000)
        }
      }
      await storeOthers(20)
      const plan = await cutOff(scene, recordsOf('b', 2), 'lostAfter')
      const from = plan.parts[0]!.from
      await storeOthers(40)
      broker.shards[0]!.forgetProducers()
      broker.received.length = 0
      const fetched: number[] = []
      broker.disturb = (message) => {
        if (message.operation === 'fetch')
          for (const { sequenceNumber } of message.request.shards) fetched.push(sequenceNumber)
        return 'none'
      }
      await driven((await scene.again()).resume(plan, recordsOf('c', 2), unkept))
      expect(from).toBe(20)
      expect(fetched).toEqual([20])
      broker.disturb = () => 'none'
      expect(stored(broker).filter((value) => value.length < 10)).toEqual(['b0', 'b1'])
      // What was not stored: some minutes behind the plan are read, not all that came since.
      const lost = await cutOff({ ...scene, writer }, recordsOf('d', 2), 'lostBefore')
      await storeOthers(40)
      broker.disturb = (message) => {
        if (message.operation === 'fetch')
          for (const { sequenceNumber } of message.request.shards) fetched.push(sequenceNumber)
        return 'none'
      }
      await driven((await scene.again()).resume(lost, recordsOf('d', 2), unkept))
      const tail = broker.shards[0]!.tail
      expect(Math.max(...fetched)).toBeLessThan(tail - 20)
      expect(stored(broker).filter((value) => value.length < 10)).toEqual(['b0', 'b1', 'd0', 'd1'])
    }))

  it('and what of it has expired is stored again, with a warning', () =>
    withWriter({}, async (scene) => {
      const { broker } = scene
      const plan = await cutOff(scene, recordsOf('a', 2), 'lostAfter')
      await pass(20 * MINUTE_MS, MINUTE_MS)
      broker.shards[0]!.forgetProducers()
      broker.shards[0]!.trim(2)
      await driven((await scene.again()).resume(plan, recordsOf('a', 2), unkept))
      expect(stored(broker)).toEqual(['a0', 'a1'])
      expect(
        scene.logs.filter(({ level, message }) => level === 'warn' && message.includes('expired')),
      ).toHaveLength(1)
    }))
})
