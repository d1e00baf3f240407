// The producer of a load: which records go into one call, in which order, and what becomes of each.
import type { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { expect, it } from 'vitest'
import { PutRecordsProducer } from '../../src/load/put-records-producer.ts'

interface Result {
  readonly SequenceNumber?: string
  readonly ErrorCode?: string
}

/** A client whose calls wait until the test answers them. */
function waitingClient() {
  const calls: { readonly keys: string[]; readonly answer: (results: readonly Result[] | Error) => void }[] =
    []
  const client = {
    send: ({ input }: PutRecordsCommand) =>
      new Promise((resolve, reject) => {
        calls.push({
          keys: input.Records!.map(({ PartitionKey }) => PartitionKey!),
          answer: (results) => (results instanceof Error ? reject(results) : resolve({ Records: results })),
        })
      }),
  } as unknown as KinesisClient
  const call = async (index: number) => {
    await expect.poll(() => calls.length).toBe(index + 1)
    return calls[index]!
  }
  return { call, producer: new PutRecordsProducer(client, 'clicks') }
}

const stored = (count: number) => Array.from({ length: count }, () => ({ SequenceNumber: '1' }))
const data = Buffer.from('data')

it('one call is under way at a time, and what comes meanwhile goes into the next, in order', async () => {
  const { call, producer } = waitingClient()
  const first = [producer.send('a', data), producer.send('b', data)]
  const one = await call(0)
  expect(one.keys).toEqual(['a', 'b'])
  const second = ['c', 'd'].map((key) => producer.send(key, data))
  one.answer(stored(2))
  await Promise.all(first)
  const two = await call(1)
  expect(two.keys).toEqual(['c', 'd'])
  two.answer(stored(2))
  await Promise.all(second)
})

it('a call has no more records and bytes than the service takes', async () => {
  const { call, producer } = waitingClient()
  const many = Array.from({ length: 501 }, (_, index) => producer.send(`${index}`, data))
  const large = [1, 2, 3].map((index) => producer.send(`${index}`, Buffer.alloc(3 * 1024 * 1024)))
  for (const [index, expected] of [500, 2, 1, 1].entries()) {
    const { keys, answer } = await call(index)
    expect(keys).toHaveLength(expected)
    answer(stored(expected))
  }
  await Promise.all([...many, ...large])
})

it('each record has its own result, a failed call fails all of its own, and nothing is tried again', async () => {
  const { call, producer } = waitingClient()
  const outcome = (key: string) =>
    producer.send(key, data).then(
      () => 'stored',
      (error: Error & { code?: string }) => error.code ?? error.name,
    )
  const first = [outcome('a'), outcome('b'), outcome('c')]
  const one = await call(0)
  one.answer([{ SequenceNumber: '1' }, { ErrorCode: 'ProvisionedThroughputExceededException' }])
  expect(await Promise.all(first)).toEqual(['stored', 'ProvisionedThroughputExceededException', 'unanswered'])
  const second = outcome('d')
  const two = await call(1)
  two.answer(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  expect(await second).toBe('ECONNRESET')
})

it('says when it has room, and fails what waits when it is closed', async () => {
  const { call, producer } = waitingClient()
  const sent = Array.from({ length: 1500 }, (_, index) => producer.send(`${index}`, data))
  const settled = Promise.allSettled(sent)
  const room = producer.ready()
  expect(room).toBeInstanceOf(Promise)
  const one = await call(0)
  one.answer(stored(500))
  await call(1)
  await room
  expect(producer.ready()).toBeUndefined()
  await producer.close()
  const two = await call(1)
  two.answer(stored(500))
  const results = (await settled).map(({ status }) => status)
  expect(results.filter((status) => status === 'rejected')).toHaveLength(500)
  await expect(producer.send('late', data)).rejects.toMatchObject({ code: 'aborted' })
})
