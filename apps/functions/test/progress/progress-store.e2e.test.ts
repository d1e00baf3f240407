// The progress of a shard as a document: what one member has kept the next one finds, and a member that comes late is refused.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { ProgressStore, ShardTakenError } from '../../src/progress/progress-store.ts'
import type { ShardProgress } from '../../src/progress/shard-progress.ts'

let broker: Broker
let client: Client

beforeAll(async () => {
  broker = await createBroker({ listen: false, config: { segmentSize: '1MiB' } })
  client = await connect(broker.url, { dial: broker.dial })
})

afterAll(async () => {
  await client.close()
  await broker.close()
})

const place = (uuid: string, epoch: number): Parameters<typeof ProgressStore.open>[1] => ({
  uuid,
  streamId: 7,
  shardIndex: 3,
  epoch,
})
const progress: Omit<ShardProgress, 'epoch'> = {
  lanes: 2,
  doneBelow: [4, 9],
  pieces: [{ lane: 0, from: 4, to: 6, attempts: 2, invocations: 3 }],
  standstills: [],
  output: { pieces: [{ lane: 1, from: 9, to: 10, attempts: 0, invocations: 1 }], plan: { version: 1 } },
  at: 1,
}

it('what was kept is found by the next member, with its epoch', async () => {
  const first = await ProgressStore.open(client, place('kept', 1))
  expect(first.progress).toBeUndefined()
  await first.store.save(progress)
  await first.store.save({ ...progress, at: 2 })
  expect((await ProgressStore.open(client, place('kept', 2))).progress).toEqual({
    ...progress,
    epoch: 1,
    at: 2,
  })
})

it('a member of an earlier epoch is refused, when it begins and when it writes; one that wrote late is written over', async () => {
  const { store: old } = await ProgressStore.open(client, place('taken', 1))
  const { store: young } = await ProgressStore.open(client, place('taken', 2))
  await old.save(progress)
  // The younger one had read before that.
  await young.save({ ...progress, at: 5 })
  await expect(old.save(progress)).rejects.toThrow(ShardTakenError)
  await expect(ProgressStore.open(client, place('taken', 1))).rejects.toThrow(ShardTakenError)
  expect((await ProgressStore.open(client, place('taken', 3))).progress).toMatchObject({ epoch: 2, at: 5 })
})

it('a state that is larger than a document is kept in parts, which go when they are not needed', async () => {
  const { store } = await ProgressStore.open(client, place('large', 1))
  const window = { start: 0, end: 1000, last: 3, isTerminatedEarly: false }
  const names = async (): Promise<string[]> => {
    const found: string[] = []
    for await (const { name } of client.documents('event-source-progress').list({ prefix: 'large/' }))
      found.push(name)
    return found
  }
  for (const length of [500_000, 1_000_000]) {
    const state = { text: 'ä"'.repeat(length / 2) }
    await store.save({ ...progress, window: { ...window, state } })
    expect((await ProgressStore.open(client, place('large', 2))).progress?.window).toEqual({
      ...window,
      state,
    })
  }
  expect((await names()).length).toBeGreaterThan(10)
  await store.save(progress)
  expect(await names()).toEqual(['large/7/3'])
})
