// Promises of a prepared writer, one by one: what is kept and when, what a resumed append stores, and what ends it. The schedules of
// trouble are in prepared.test.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppendPlan, RecordInput } from '../../../client/index.ts'
import { isEncryptedAt, limits, producerIdAt } from '../../../protocol/index.ts'
import { deferred } from '../../../client/waiting.ts'
import { outcomeOf } from '../../support/rejection.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import {
  MINUTE_MS,
  cutOff,
  keeping,
  recordsOf,
  stored,
  unkept,
  valuesOf,
  withWriter,
  secret,
  type SceneOptions,
} from './support/scene.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('append', () => {
  it('keeps the plan before anything is sent, and once where nothing comes between', () =>
    withWriter({ shards: 2 }, async ({ broker, writer }) => {
      const kept = deferred<void>()
      const plans: AppendPlan[] = []
      const keep = (plan: AppendPlan) => (plans.push(plan), kept.promise)
      const records = ['ada', 'bob', 'cyd', 'dee'].map((partitionKey) => ({
        partitionKey,
        data: partitionKey,
      }))
      const append = writer.append(records, { keep })
      await pass(1000, 50)
      expect([plans.length, broker.received.includes('append')]).toEqual([1, false])
      kept.resolve()
      await driven(append)
      expect([plans.length, stored(broker).toSorted()]).toEqual([1, ['ada', 'bob', 'cyd', 'dee']])
      expect(plans[0]!.parts.flatMap(({ batches }) => batches).reduce((sum, count) => sum + count)).toBe(4)
    }))

  it('asks callers to keep in the order of the calls, without waiting for those before', () =>
    withWriter({ shards: 3 }, async ({ broker, writer }) => {
      const asked: number[] = []
      const kept = deferred<void>()
      const keys = ['ada', 'bob', 'cyd', 'dee', 'eve']
      const appends = keys.map((partitionKey, i) =>
        writer.append(
          [
            { partitionKey, data: String(i) },
            { partitionKey: 'ada', data: `ada ${i}` },
          ],
          {
            keep: () => (asked.push(i), kept.promise),
          },
        ),
      )
      await pass(1000, 50)
      expect(asked).toEqual([0, 1, 2, 3, 4])
      kept.resolve()
      await driven(Promise.all(appends))
      expect(stored(broker).filter((value) => value.startsWith('ada'))).toEqual(
        keys.map((_, i) => `ada ${i}`),
      )
    }))

  it('sends nothing of a call whose plan is not kept, and goes on with the others', () =>
    withWriter({}, async ({ broker, writer }) => {
      const { keep } = keeping()
      const first = writer.append(recordsOf('a', 2), { keep })
      const failing = writer.append(recordsOf('b', 2), {
        keep: () => Promise.reject(new RangeError('disk full')),
      })
      const last = writer.append(recordsOf('c', 2), { keep })
      await expect(driven(failing)).rejects.toThrow('disk full')
      await driven(Promise.all([first, last]))
      expect(stored(broker)).toEqual(['a0', 'a1', 'c0', 'c1'])
    }))

  it('keeps the order of calls behind one that was ended while it was sent', () =>
    withWriter({}, async ({ broker, writer }) => {
      let isFirst = true
      broker.disturb = ({ operation }) => {
        if (operation !== 'append' || !isFirst) return 'none'
        isFirst = false
        return 'hangs'
      }
      const stop = new AbortController()
      const ended = outcomeOf(writer.append(recordsOf('a', 1), { ...unkept, signal: stop.signal }))
      await turns()
      const behind = writer.append(recordsOf('b', 1), unkept)
      await turns()
      stop.abort()
      // Under another producer than those before, whose numbers have a gap now.
      const last = writer.append(recordsOf('c', 1), unkept)
      expect(await ended).toBe('aborted')
      await driven(Promise.all([behind, last]))
      expect(stored(broker)).toEqual(['b0', 'c0'])
    }))

  it('sends nothing of a call that is not kept when the one before is ended in its turn', () =>
    withWriter({ connect: { requestTimeoutMs: 10_000 } }, async ({ broker, client, writer }) => {
      const stop = new AbortController()
      let isBehind = false
      broker.disturb = ({ operation }) => {
        if (operation === 'append') {
          if (stop.signal.aborted) return 'none'
          // The first call is stored, and does not come to know it.
          return broker.shards[0]!.tail === 0 ? 'lostAfter' : { refuse: 'overloaded' }
        }
        // The first call asks what time it is, right before it sends again.
        if (isBehind && operation === 'ping') stop.abort()
        return 'none'
      }
      const ended = outcomeOf(writer.append(recordsOf('a', 1), { ...unkept, signal: stop.signal }))
      await pass(1000, 50)
      const kept = deferred<void>()
      const behind = writer.append(recordsOf('b', 1), { keep: () => kept.promise })
      await pass(1000, 50)
      isBehind = true
      while (!stop.signal.aborted) {
        // A connection that is used asks for nothing of its own accord.
        await driven(client.describeStream('clicks'))
        await pass(500, 50)
      }
      expect(await ended).toBe('aborted')
      await pass(1000, 50)
      expect(stored(broker)).toEqual(['a0'])
      kept.resolve()
      await driven(behind)
      expect(stored(broker)).toEqual(['a0', 'b0'])
    }))

  it('does not wait for the caller of a call that was ended', () =>
    withWriter({}, async ({ broker, writer }) => {
      const stop = new AbortController()
      const keep = () => new Promise<void>(() => {})
      const ended = outcomeOf(writer.append(recordsOf('a', 1), { keep, signal: stop.signal }))
      const behind = writer.append(recordsOf('b', 1), unkept)
      await turns()
      stop.abort()
      expect(await ended).toBe('aborted')
      await driven(behind, { limitMs: 10_000 })
      expect(stored(broker)).toEqual(['b0'])
    }))

  it('goes on under the same producer, one a shard, call after call', () =>
    withWriter({}, async ({ broker, writer }) => {
      for (let i = 0; i < 20; i++) await driven(writer.append(recordsOf(`a${i} `, 3), unkept))
      const ids = new Set(broker.shards[0]!.batches.map((batch) => producerIdAt(batch, 0)))
      expect([ids.size, broker.shards[0]!.tail]).toEqual([1, 60])
    }))

  it('refuses what is no record before anything is kept, and takes none for what it is', () =>
    withWriter({}, async ({ broker, writer }) => {
      const { plans, keep } = keeping()
      for (const wrong of [
        { partitionKey: '', data: 'x' },
        { data: 'x' },
        { partitionKey: 'a', data: new Uint8Array(limits.recordBytesMax + 1) },
      ]) {
        const records = [...recordsOf('a', 1), wrong as RecordInput]
        expect(await outcomeOf(driven(writer.append(records, { keep })))).toBe('invalidArgument')
      }
      expect(await outcomeOf(writer.append(recordsOf('a', 1), undefined as never))).toBe('invalidArgument')
      await driven(writer.append([], { keep }))
      expect([plans, stored(broker)]).toEqual([[], []])
      await driven(writer.append(recordsOf('a', 1), { keep }))
      expect(stored(broker)).toEqual(['a0'])
    }))

  it('lets calls wait while others hold as much as the buffer may', () =>
    withWriter({ bufferBytesMax: 1000 }, async ({ broker, writer }) => {
      const kept = deferred<void>()
      let keeps = 0
      const keep = () => (keeps++, kept.promise)
      const appends = ['a', 'b', 'c'].map((name) => writer.append(recordsOf(name, 100), { keep }))
      await pass(1000, 50)
      expect(keeps).toBe(1)
      kept.resolve()
      await driven(Promise.all(appends))
      expect(stored(broker)).toEqual(['a', 'b', 'c'].flatMap((name) => valuesOf(recordsOf(name, 100))))
    }))

  it('waits out the limits of a shard', () =>
    withWriter({ batchBytes: 400 }, async ({ broker, writer }) => {
      broker.shards[0]!.limitTo({ writeBytesPerSecond: 500 })
      const records = recordsOf('a', 100)
      await driven(writer.append(records, unkept))
      expect(stored(broker)).toEqual(valuesOf(records))
      expect(broker.shards[0]!.throttled).toBeGreaterThan(0)
    }))

  it('is kept anew before it is sent for longer than its plan says', () =>
    withWriter({}, async ({ broker, writer }) => {
      const { plans, keep } = keeping()
      let isDown = true
      broker.disturb = ({ operation }) =>
        operation === 'append' && isDown ? { refuse: 'overloaded' } : 'none'
      const append = writer.append(recordsOf('a', 1), { keep })
      await pass(7 * MINUTE_MS, 1000)
      isDown = false
      await driven(append)
      const until = plans.map(({ parts }) => parts[0]!.sentUntil)
      expect(plans.length).toBe(2)
      expect(until[1]! - until[0]!).toBeGreaterThanOrEqual(5 * MINUTE_MS)
      expect(stored(broker)).toEqual(['a0'])
    }))

  it('ends when its stream is no more, also when it was made again', () =>
    withWriter({}, async ({ broker, writer }) => {
      const { plans, keep } = keeping()
      await driven(writer.append(recordsOf('a', 1), { keep }))
      broker.disturb = ({ operation }) => (operation === 'append' ? { refuse: 'shardNotFound' } : 'none')
      broker.streamId = 2
      expect(await outcomeOf(driven(writer.append(recordsOf('b', 1), { keep })))).toBe('streamNotFound')
      expect(await outcomeOf(writer.append(recordsOf('c', 1), { keep }))).toBe('streamNotFound')
      expect(plans.length).toBe(2)
    }))

  it('ends with its writer and its client, and says that it may be resumed', () =>
    withWriter({}, async ({ broker, client, writer }) => {
      const { keep } = keeping()
      broker.disturb = ({ operation }) => (operation === 'append' ? 'hangs' : 'none')
      const append = writer.append(recordsOf('a', 1), { keep })
      const error = outcomeOf(append)
      await turns()
      await driven(client.close())
      expect(await error).toBe('aborted')
      await expect(append).rejects.toMatchObject({
        sideEffects: 'possible',
        message: expect.stringContaining('resume') as string,
      })
      expect(await outcomeOf(writer.append(recordsOf('b', 1), { keep }))).toBe('closed')
    }))
})

describe('resume', () => {
  it.each(['lostBefore', 'lostAfter'] as const)('stores what is not stored, once (%s)', (how) =>
    withWriter({ batchBytes: 100 }, async (scene) => {
      const records = recordsOf('a', 9)
      const plan = await cutOff(scene, records, how)
      const writer = await scene.again()
      const { plans, keep } = keeping()
      await driven(writer.resume(plan, records, { keep }))
      expect(stored(scene.broker)).toEqual(valuesOf(records))
      // The plan that was kept says it all.
      expect(plans).toEqual([])
      await driven(writer.resume(plan, records, { keep }))
      expect(stored(scene.broker)).toEqual(valuesOf(records))
    }),
  )

  it('lets stand what was stored first, where the records are others now', () =>
    withWriter({ batchBytes: 100 }, async (scene) => {
      const plan = await cutOff(scene, recordsOf('a', 9), 'lostAfter')
      const before = stored(scene.broker)
      expect(before.length).toBeGreaterThan(0)
      const writer = await scene.again()
      await driven(writer.resume(plan, recordsOf('b', 9), unkept))
      expect(stored(scene.broker)).toEqual([...before, ...valuesOf(recordsOf('b', 9)).slice(before.length)])
    }))

  it.each(['lostBefore', 'lostAfter'] as const)(
    'takes more records, and fewer, than there were (%s)',
    (how) =>
      withWriter({}, async (scene) => {
        const first = await cutOff(scene, recordsOf('a', 3), how)
        const writer = await scene.again()
        const more = keeping()
        await driven(writer.resume(first, recordsOf('a', 5), { keep: more.keep }))
        expect(stored(scene.broker)).toEqual(valuesOf(recordsOf('a', 5)))
        expect(more.plans.length).toBe(1)
        const second = await cutOff({ ...scene, writer }, recordsOf('b', 4), how)
        await driven((await scene.again()).resume(second, recordsOf('b', 2), unkept))
        const expected = how === 'lostAfter' ? recordsOf('b', 4) : recordsOf('b', 2)
        expect(stored(scene.broker).slice(5)).toEqual(valuesOf(expected))
      }),
  )

  it('refuses another stream’s plan and what is no plan', () =>
    withWriter({}, async ({ writer }) => {
      const { keep } = keeping()
      const plan = { version: 1, streamId: 7, parts: [] } as const
      expect(await outcomeOf(writer.resume(plan, [], { keep }))).toBe('streamNotFound')
      expect(await outcomeOf(writer.resume({} as never, [], { keep }))).toBe('invalidArgument')
    }))

  it.each([
    { compression: 'gzip' } as const,
    {
      connect: {
        encryption: { keys: { current: () => ({ id: 'one', bytes: secret }), key: () => undefined } },
      },
    } as never,
  ])('stores once what comes out otherwise each time: compressed, encrypted', (options: SceneOptions) =>
    withWriter({ ...options, batchBytes: 2000 }, async (scene) => {
      const records = recordsOf('some text that becomes smaller ', 200)
      for (const how of ['lostBefore', 'lostAfter'] as const) {
        const before = stored(scene.broker).length
        const plan = await cutOff(scene, records, how)
        await driven((await scene.again()).resume(plan, records, unkept))
        expect(stored(scene.broker).slice(before)).toEqual(valuesOf(records))
      }
      expect(scene.broker.shards[0]!.batches.every((batch) => isEncryptedAt(batch, 0))).toBe(
        options.compression === undefined,
      )
    }),
  )
})
