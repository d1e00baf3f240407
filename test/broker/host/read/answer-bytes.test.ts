// How much a session is given at once, and what waits for its turn holding nothing: memory beside hundreds of readers.
import { beforeEach, expect, it } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { FakeSession } from '../support/fake-session.ts'
import { makeBatch, placedShard, startTestHost, STREAM } from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

let session: FakeSession
beforeEach(() => {
  session = new FakeSession()
})

const cold = { settings: { tailCacheBytes: 0 } }

it.each([
  ['memory', {}],
  ['storage', cold],
])('fetch: answers are as large as the session allows, from %s', async (_from, options) => {
  const host = await startTestHost(options)
  await host.fill(5, 883)
  session.answerBytesMax = 2500
  expect((await host.fetchOne(session, 0)).batches).toHaveLength(2)
  session.answerBytesMax = 1
  expect((await host.fetchOne(session, 0)).batches).toHaveLength(1)
})

it('fetch: a read of storage takes what the session allows when it begins, not when it was asked for', async () => {
  const host = await startTestHost(cold)
  await host.fill(5, 883)
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  host.reader.beforeRead = () => released
  const before = [host.fetchOne(new FakeSession(), 0), host.fetchOne(new FakeSession(), 0)]
  const waiting = host.fetchOne(session, 0)
  await rest()
  session.answerBytesMax = 1
  release()
  expect((await waiting).batches).toHaveLength(1)
  expect(host.reader.bounds.at(-1)).toBe(1)
  await Promise.all(before)
})

it('fetch: what has been read is answered, and not held while the next read waits for its turn', async () => {
  const host = await startTestHost({ ...cold, shards: [placedShard(0), placedShard(1)] })
  await host.fill(1)
  await host.fill(1, 0, 1)
  const batchesFor = async (reader: FakeSession) => {
    const shards = [0, 1].map((shardIndex) => ({
      streamId: STREAM,
      shardIndex,
      sequenceNumber: 0,
      bytesMax: 1 << 20,
    }))
    const answer = await host.fetch(reader, { shards, bytesMax: 1 << 20, waitMs: 0 })
    return answer.shards.reduce((count, { batches }) => count + batches.length, 0)
  }
  expect(await batchesFor(session)).toBe(2)
  const answers = await Promise.all(Array.from({ length: 20 }, () => batchesFor(new FakeSession())))
  // The last ones to be served find no other waiting.
  expect(answers.filter((batches) => batches === 1).length).toBeGreaterThan(10)
  expect(answers.filter((batches) => batches === 0)).toEqual([])
})

it('subscribe: deliveries are as large as the session allows', async () => {
  const host = await startTestHost()
  for (let i = 0; i < 4; i++) await host.append(new FakeSession(), makeBatch(['x'.repeat(100_000)]))
  session.answerBytesMax = 1
  await host.subscribe(session, { creditBytes: limits.subscriptionCreditBytesMax })
  await until(() => session.pushed.length === 4)
  expect(session.sent('records').map(({ batches }) => batches.length)).toEqual([1, 1, 1, 1])
})
