// Requests for the shards of one host that were begun at different times, and are asked for together from then on.
import { expect, it } from 'vitest'
import type { Connection } from '../../../client/connecting/connection.ts'
import type { ConnectionPool } from '../../../client/connecting/pool.ts'
import { Fetcher } from '../../../client/reading/fetcher.ts'
import { Inbox } from '../../../client/reading/inbox.ts'
import { ShardCursor } from '../../../client/reading/shard-cursor.ts'
import { resolveSettings } from '../../../client/settings.ts'
import { deferred } from '../../../client/waiting.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import { turns } from '../support/drive.ts'

const place = { endpoint: { hostId: 1, host: 'fake', port: 7401 }, streamId: 1 }

/** A fetcher whose requests a test answers. */
function fetching() {
  const requests: { shards: number[]; answer: (next: number) => Promise<void> }[] = []
  const request = (_operation: 'fetch', { shards }: RequestOf<'fetch'>) => {
    const { promise, resolve } = deferred<ResponseOf<'fetch'>>()
    const answerOf = (nextSequenceNumber: number) => ({
      code: 0,
      batches: [],
      nextSequenceNumber,
      trimHorizon: 0,
      tail: nextSequenceNumber,
      millisBehindLatest: 0,
      ended: false,
      retryAfterMs: undefined,
      damage: undefined,
    })
    requests.push({
      shards: shards.map(({ shardIndex }) => shardIndex),
      answer: async (next) => {
        resolve({ shards: shards.map(() => answerOf(next)), time: undefined })
        await turns(2)
      },
    })
    return promise
  }
  const closing = new AbortController()
  const connection = { request } as unknown as Connection
  const fetcher = new Fetcher(
    {
      pool: { connect: () => Promise.resolve(connection) } as unknown as ConnectionPool,
      maxWaitMs: 5000,
      bufferBytesMax: 1024,
      onTrimmed: 'fail',
      settings: { ...resolveSettings({}), monotonic: () => 0 },
    },
    {
      closing: closing.signal,
      inbox: new Inbox(() => {}),
      arrived: (cursor, _batches, next) => {
        cursor.next = next
        return true
      },
      trimmed: () => true,
      unreadable: () => false,
      ended: () => {},
      lost: () => {},
    },
  )
  const begin = async (index: number) => {
    fetcher.begin([new ShardCursor(index, { next: 0, until: Infinity })], place)
    await turns(2)
  }
  return { requests, begin, end: () => closing.abort() }
}

it('a late answer for shards that other requests have taken over is not used, and changes nothing', async () => {
  const { requests, begin, end } = fetching()
  await begin(0)
  await begin(1)
  expect(requests.map(({ shards }) => shards)).toEqual([[0], [1]])
  await requests[1]!.answer(7)
  expect(requests.slice(2).map(({ shards }) => shards)).toEqual([[1, 0]])
  await requests[0]!.answer(3)
  await requests[2]!.answer(9)
  expect(requests.slice(3).map(({ shards }) => shards)).toEqual([[1, 0]])
  end()
})
