// The operations on encryption, policies and monitoring, called directly, on a broker in this process.
import { describe, expect, it } from 'vitest'
import { protectionHandlers } from '../../src/protection/handlers.ts'
import { streamsHandlers } from '../../src/streams/handlers.ts'
import { ACCOUNT, refusalOf, REGION, smallBroker, type SmallEndpoint } from '../support/small-endpoint.ts'

const StreamName = 'clicks'
const ResourceARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`

function operationsOf(endpoint: SmallEndpoint) {
  const handlers = protectionHandlers(endpoint)
  const { call } = endpoint
  return {
    handlers,
    start: (KeyId = 'alias/aws/kinesis', EncryptionType: 'KMS' | 'NONE' = 'KMS') =>
      handlers.StartStreamEncryption(call('StartStreamEncryption', { StreamName, EncryptionType, KeyId })),
    stop: () =>
      handlers.StopStreamEncryption(
        call('StopStreamEncryption', { StreamName, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' }),
      ),
    description: async () => {
      const ask = call('DescribeStream', { StreamName })
      return (await streamsHandlers(endpoint).DescribeStream(ask)).StreamDescription
    },
    put: (Policy: string) => handlers.PutResourcePolicy(call('PutResourcePolicy', { ResourceARN, Policy })),
    get: async () => (await handlers.GetResourcePolicy(call('GetResourcePolicy', { ResourceARN }))).Policy,
    remove: () => handlers.DeleteResourcePolicy(call('DeleteResourcePolicy', { ResourceARN })),
  }
}

describe('encryption', () => {
  it('shows the key on the stream until it is stopped', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { start, stop, description } = operationsOf(endpoint)
    await endpoint.own.createStream(StreamName)
    await start()
    expect(await description()).toMatchObject({ EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' })
    await start('alias/other')
    expect(await description()).toMatchObject({ KeyId: 'alias/other' })
    await stop()
    await stop()
    const stopped = await description()
    expect(stopped.EncryptionType).toBe('NONE')
    expect(stopped).not.toHaveProperty('KeyId')
    expect(await refusalOf(start('alias/other', 'NONE'))).toMatch(/^InvalidArgumentException/)
  })

  it('leaves the stream UPDATING for as long as is set', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 5000 })
    const { start, stop, description } = operationsOf(endpoint)
    await endpoint.own.createStream(StreamName)
    await start()
    expect((await description()).StreamStatus).toBe('UPDATING')
    expect(await refusalOf(stop())).toMatch(/^ResourceInUseException: .*UPDATING$/)
    room.time.advance(5000)
    expect(await refusalOf(stop())).toBe('done')
  })

  it('is changed 25 times a day at most', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { start } = operationsOf(endpoint)
    await endpoint.own.createStream(StreamName)
    for (let times = 0; times < 25; times++) await start(`alias/${times}`)
    expect(await refusalOf(start())).toMatch(/^LimitExceededException: /)
    room.time.advance(24 * 3_600_000)
    expect(await refusalOf(start())).toBe('done')
  })
})

describe('resource policies', () => {
  it('are kept as they were put, told as an empty object where there is none, and removed once', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { put, get, remove } = operationsOf(endpoint)
    await endpoint.own.createStream(StreamName)
    expect(await get()).toBe('{}')
    expect(await refusalOf(remove())).toMatch(/^ResourceNotFoundException: No resource policy found/)
    const policy = '{ "Version": "2012-10-17", "Statement": [] }'
    await put(policy)
    expect(await get()).toBe(policy)
    await remove()
    expect(await get()).toBe('{}')
  })

  it('are JSON objects of 20 KiB at most', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { put } = operationsOf(endpoint)
    await endpoint.own.createStream(StreamName)
    for (const policy of ['', '{', '[]', 'null', `{"a":"${'x'.repeat(20 * 1024)}"}`]) {
      expect(await refusalOf(put(policy))).toMatch(/^InvalidArgumentException/)
    }
  })
})

describe('enhanced monitoring', () => {
  it('tells the metrics before and after, and takes ALL for every one', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { handlers, description } = operationsOf(endpoint)
    await endpoint.own.createStream(StreamName)
    const { call } = endpoint
    const enabled = await handlers.EnableEnhancedMonitoring(
      call('EnableEnhancedMonitoring', {
        StreamName,
        ShardLevelMetrics: ['OutgoingBytes', 'IncomingBytes', 'OutgoingBytes'],
      }),
    )
    expect(enabled).toEqual({
      StreamName,
      StreamARN: ResourceARN,
      CurrentShardLevelMetrics: [],
      DesiredShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'],
    })
    const disabled = await handlers.DisableEnhancedMonitoring(
      call('DisableEnhancedMonitoring', { StreamName, ShardLevelMetrics: ['IncomingBytes'] }),
    )
    expect(disabled).toMatchObject({
      CurrentShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'],
      DesiredShardLevelMetrics: ['OutgoingBytes'],
    })
    const all = await handlers.EnableEnhancedMonitoring(
      call('EnableEnhancedMonitoring', { StreamName, ShardLevelMetrics: ['ALL'] }),
    )
    expect(all.DesiredShardLevelMetrics).toHaveLength(7)
    expect((await description()).EnhancedMonitoring[0]?.ShardLevelMetrics).toHaveLength(7)
    const none = await handlers.DisableEnhancedMonitoring(
      call('DisableEnhancedMonitoring', { StreamName, ShardLevelMetrics: ['ALL'] }),
    )
    expect(none.DesiredShardLevelMetrics).toEqual([])
  })
})
