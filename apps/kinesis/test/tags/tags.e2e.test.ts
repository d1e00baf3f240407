// The operations on tags, called directly, on a broker in this process.
import { describe, expect, it } from 'vitest'
import { consumerArn } from '../../src/identifiers/arn.ts'
import { tagsHandlers } from '../../src/tags/handlers.ts'
import {
  ACCOUNT,
  callerWith,
  refusalOf,
  REGION,
  smallBroker,
  type SmallEndpoint,
} from '../support/small-endpoint.ts'

const StreamName = 'clicks'
const ARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`

function operationsOf(endpoint: SmallEndpoint) {
  const handlers = tagsHandlers(endpoint)
  const { call } = endpoint
  return {
    add: (Tags: Record<string, string>, caller = {}) =>
      handlers.AddTagsToStream(call('AddTagsToStream', { StreamName, Tags }, caller)),
    remove: (...TagKeys: string[]) =>
      handlers.RemoveTagsFromStream(call('RemoveTagsFromStream', { StreamName, TagKeys })),
    list: (input: { ExclusiveStartTagKey?: string; Limit?: number } = {}) =>
      handlers.ListTagsForStream(call('ListTagsForStream', { StreamName, ...input })),
    tag: (ResourceARN: string, Tags: Record<string, string>) =>
      handlers.TagResource(call('TagResource', { ResourceARN, Tags })),
    untag: (ResourceARN: string, ...TagKeys: string[]) =>
      handlers.UntagResource(call('UntagResource', { ResourceARN, TagKeys })),
    tagsOf: async (ResourceARN: string) =>
      (await handlers.ListTagsForResource(call('ListTagsForResource', { ResourceARN }))).Tags,
  }
}

describe('tags of a stream', () => {
  it('are added, replaced, removed and listed by key, by name and by ARN', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { add, remove, list, tag, untag, tagsOf } = operationsOf(endpoint)
    await endpoint.own.createStream('clicks')
    expect(await add({ b: '1', a: '', 'ü/x=1:2': 'é' })).toEqual({})
    await add({ b: '2' })
    const all = [
      { Key: 'a', Value: '' },
      { Key: 'b', Value: '2' },
      { Key: 'ü/x=1:2', Value: 'é' },
    ]
    expect(await list()).toEqual({ Tags: all, HasMoreTags: false })
    expect(await tagsOf(ARN)).toEqual(all)
    await remove('a', 'none')
    await untag(ARN, 'ü/x=1:2')
    await tag(ARN, { c: '3' })
    expect(await tagsOf(ARN)).toEqual([
      { Key: 'b', Value: '2' },
      { Key: 'c', Value: '3' },
    ])
  })

  it('are listed a page at a time, from the last key on', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { add, list } = operationsOf(endpoint)
    await endpoint.own.createStream('clicks')
    await add({ a: '', b: '', c: '' })
    expect(await list({ Limit: 2 })).toMatchObject({ Tags: [{ Key: 'a' }, { Key: 'b' }], HasMoreTags: true })
    expect(await list({ Limit: 2, ExclusiveStartTagKey: 'b' })).toMatchObject({
      Tags: [{ Key: 'c' }],
      HasMoreTags: false,
    })
  })

  it('are fifty at most, of letters and a few signs, with no key of AWS, and stay as they are where some are refused', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { add, remove, list } = operationsOf(endpoint)
    await endpoint.own.createStream('clicks')
    await add(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`t${index}`, ''])))
    expect(await refusalOf(add({ another: '' }))).toBe(
      `InvalidArgumentException: Failed to add tags to stream clicks under account ${ACCOUNT} because a given stream cannot ` +
        'have more than 50 tags associated with it.',
    )
    expect(await refusalOf(add({ t1: 'replaced' }))).toBe('done')
    expect(await refusalOf(add({ 'a\u0001': '' }))).toMatch(
      /^InvalidArgumentException: Some tags contain invalid/,
    )
    expect(await refusalOf(add({ t1: 'a?' }))).toMatch(/^InvalidArgumentException: Some tags contain invalid/)
    expect(await refusalOf(add({ 'a%': '' }))).toMatch(/Failed to add tags .* illegal characters/)
    expect(await refusalOf(remove('a%'))).toMatch(/Failed to remove tags .* illegal characters/)
    expect(await refusalOf(add({ 'aws:t': '' }))).toMatch(/keys that begin with aws: are reserved/)
    expect((await list()).Tags).toHaveLength(50)
  })

  it('take any name of a property of objects', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { add, remove, tagsOf } = operationsOf(endpoint)
    await endpoint.own.createStream('clicks')
    await add(JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, string>)
    expect(await tagsOf(ARN)).toEqual([
      { Key: '__proto__', Value: 'a' },
      { Key: 'constructor', Value: 'b' },
    ])
    await remove('__proto__')
    expect(await tagsOf(ARN)).toEqual([{ Key: 'constructor', Value: 'b' }])
  })

  it('are changed by who may manage the stream', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { add } = operationsOf(endpoint)
    await endpoint.own.createStream('clicks')
    expect(await refusalOf(add({ a: '' }, callerWith('describe', 'read')))).toMatch(
      /^AccessDeniedException: .*kinesis:AddTagsToStream on resource: arn:aws:kinesis/,
    )
    expect(await refusalOf(add({ a: '' }, callerWith('manage')))).toBe('done')
  })
})

describe('tags of a consumer', () => {
  it('are its own, and not those of its stream or of a consumer that is registered again', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { tag, tagsOf, list } = operationsOf(endpoint)
    const { own } = endpoint
    await own.createStream('clicks')
    const arnOf = (createdAt: Date) =>
      consumerArn({ region: REGION, account: ACCOUNT, name: 'clicks', consumer: 'reader', createdAt })
    const first = await own.registerConsumer('clicks', 'reader')
    await tag(arnOf(first.createdAt), { a: '1' })
    expect(await tagsOf(arnOf(first.createdAt))).toEqual([{ Key: 'a', Value: '1' }])
    expect((await list()).Tags).toEqual([])
    await own.deregisterConsumer('clicks', 'reader')
    room.time.advance(10_000)
    const second = await own.registerConsumer('clicks', 'reader')
    expect(await tagsOf(arnOf(second.createdAt))).toEqual([])
    expect(await refusalOf(tagsOf(arnOf(first.createdAt)))).toBe(
      `ResourceNotFoundException: Consumer ${arnOf(first.createdAt)}, account ${ACCOUNT} not found.`,
    )
  })

  it('are refused for what no ARN names', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { tagsOf } = operationsOf(endpoint)
    await endpoint.own.createStream('clicks')
    expect(await refusalOf(tagsOf(ARN.replace(ACCOUNT, '999999999999')))).toBe(
      'ResourceNotFoundException: Stream clicks under account 999999999999 not found.',
    )
    expect(await refusalOf(tagsOf(ARN.replace('stream/clicks', 'channel/x')))).toMatch(
      /^ResourceNotFoundException: Channel/,
    )
    expect(await refusalOf(tagsOf(ARN.replace('stream/clicks', 'queue/x')))).toMatch(
      /^InvalidArgumentException: Invalid ResourceARN/,
    )
    expect(await refusalOf(tagsOf(`${ARN}/consumer/none:1700000000`))).toMatch(
      /^ResourceNotFoundException: Consumer/,
    )
  })
})
