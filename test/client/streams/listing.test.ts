// Lists whose pages do not lead on: they are refused, and nobody asks for them without end.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../../../client/index.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { connectTo } from '../support/reading.ts'
import type { ResponseOf } from '../../../protocol/operations.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

type Streams = ResponseOf<'listStreams'>
type Shards = ResponseOf<'listShards'>

/** A broker whose pages a test changes: `page` counts from 0. */
async function paging(change: (answer: Streams & Shards, page: number) => object) {
  const broker = new FakeBroker({ shards: 3 })
  let pages = 0
  broker.rewrite = (operation, answer) =>
    operation === 'listStreams' || operation === 'listShards'
      ? { ...answer, ...change(answer as Streams & Shards, pages++) }
      : answer
  return { ...(await connectTo(broker)), broker, pages: () => pages }
}

/** The broker takes these fields of a request for something else than was asked for. */
function ignoring(broker: FakeBroker, fields: object): void {
  broker.disturb = ({ operation, request }) => {
    if (operation === 'listShards') Object.assign(request, fields)
    return 'none'
  }
}

async function all(list: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = []
  for await (const item of list) items.push(item)
  return items
}

const lists: Record<string, (client: Client) => AsyncIterable<unknown>> = {
  listStreams: (client) => client.listStreams(),
  listShards: (client) => client.listShards('clicks'),
}

describe.each(Object.keys(lists))('%s', (operation) => {
  const items = operation === 'listStreams' ? 'streams' : 'shards'

  it.each<[string, number, (answer: Streams & Shards, page: number) => object]>([
    ['the same page again', 2, () => ({ hasMore: true })],
    ['an empty page, behind which there is more', 1, () => ({ [items]: [], hasMore: true })],
    [
      'an empty page later',
      2,
      (answer, page) => ({ [items]: page === 0 ? answer[items] : [], hasMore: true }),
    ],
    ['one item twice', 1, (answer) => ({ [items]: [answer[items][0], answer[items][0]], hasMore: false })],
  ])('refuses %s', async (_what, pagesAsked, change) => {
    const { client, end, pages } = await paging(change)
    await expect(driven(all(lists[operation]!(client)))).rejects.toMatchObject({
      code: 'invalidAnswer',
      retry: 'never',
      message: expect.stringContaining(`${operation} does not lead on`) as string,
    })
    expect(pages()).toBe(pagesAsked)
    await end()
  })
})

it('a page on request is held to where it was to begin, however that is written', async () => {
  const { client, end, broker } = await paging(() => ({}))
  ignoring(broker, { exclusiveStartIndex: undefined })
  await expect(driven(client.listShards('clicks').page({ after: '2' }))).rejects.toMatchObject({
    code: 'invalidAnswer',
    message: expect.stringContaining('"shardId-000000000000" comes after "2"') as string,
  })
  await end()
})

it('pages that lead on are read to the last', async () => {
  const { client, end, pages, broker } = await paging(() => ({}))
  ignoring(broker, { limit: 1 })
  expect(await driven(all(client.listShards('clicks')))).toHaveLength(3)
  expect(pages()).toBe(3)
  await end()
})
