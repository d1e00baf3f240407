// Records put into deliveries by AWS' SDK for JavaScript, and read from the streams behind them.
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  PutRecordBatchCommand,
  PutRecordCommand,
  StartDeliveryStreamEncryptionCommand,
} from '@aws-sdk/client-firehose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName } from '../clients/support/endpoint.ts'
import { bytes, readStream, textOf } from '../clients/support/sdk.ts'
import { ACCOUNT, FirehoseWorld, ROLE, toLake } from './support/firehose-world.ts'

let world: FirehoseWorld

beforeAll(async () => {
  world = await FirehoseWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

async function made(): Promise<string> {
  const name = freshName('delivery')
  await world.client.send(new CreateDeliveryStreamCommand(toLake(name)))
  return name
}

const putOne = (name: string, data: Uint8Array) =>
  world.client.send(new PutRecordCommand({ DeliveryStreamName: name, Record: { Data: data } }))
const putMany = (name: string, all: readonly Uint8Array[]) =>
  world.client.send(
    new PutRecordBatchCommand({ DeliveryStreamName: name, Records: all.map((Data) => ({ Data })) }),
  )
const readBack = async (name: string): Promise<string[]> =>
  (await readStream(world.endpoint.client(), `${name}.delivery`)).map(textOf)

describe('PutRecord', () => {
  it('stores a record in the stream behind', async () => {
    const name = await made()
    const { RecordId, Encrypted } = await putOne(name, bytes('one'))
    expect(RecordId).toMatch(/./)
    expect(Encrypted).toBe(false)
    expect(await readBack(name)).toEqual(['one'])
  })

  it('says that the delivery is encrypted, where it is', async () => {
    const name = await made()
    await world.client.send(new StartDeliveryStreamEncryptionCommand({ DeliveryStreamName: name }))
    await expect.poll(async () => (await putOne(name, bytes('one'))).Encrypted).toBe(true)
  })

  it('takes records up to 1,000 KiB', async () => {
    const name = await made()
    await putOne(name, Buffer.alloc(1_024_000))
    await expect(putOne(name, Buffer.alloc(1_024_001))).rejects.toMatchObject({ name: 'ValidationException' })
  })

  it('is refused for a delivery that is not there, and for one that is being deleted', async () => {
    const notFound = {
      name: 'ResourceNotFoundException',
      message: expect.stringContaining('not found') as string,
    }
    await expect(putOne('nothing', bytes('one'))).rejects.toMatchObject(notFound)
    const name = await made()
    await world.judge(name, { version: 1, verdict: 'accepted' })
    await world.client.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: name }))
    await expect
      .poll(() => putOne(name, bytes('one')).catch((error: Error) => error.name))
      .toBe('ResourceNotFoundException')
  })

  it('is refused for a delivery that reads a Kinesis stream', async () => {
    const stream = freshName()
    await world.endpoint.native.createStream(stream)
    const name = freshName('delivery')
    const KinesisStreamARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${stream}`
    await world.client.send(
      new CreateDeliveryStreamCommand({
        ...toLake(name),
        DeliveryStreamType: 'KinesisStreamAsSource',
        KinesisStreamSourceConfiguration: { KinesisStreamARN, RoleARN: ROLE },
      }),
    )
    await expect(putOne(name, bytes('one'))).rejects.toMatchObject({ name: 'InvalidSourceException' })
    await expect(putMany(name, [bytes('one')])).rejects.toMatchObject({ name: 'InvalidSourceException' })
  })
})

describe('PutRecordBatch', () => {
  it('stores records in their order, and answers for each', async () => {
    const name = await made()
    const texts = Array.from({ length: 500 }, (_, at) => `record ${at}`)
    const { FailedPutCount, RequestResponses } = await putMany(name, texts.map(bytes))
    expect(FailedPutCount).toBe(0)
    expect(new Set(RequestResponses!.map(({ RecordId }) => RecordId)).size).toBe(500)
    expect(await readBack(name)).toEqual(texts)
  })

  it('refuses more than 500 records or 4 MiB, and stores nothing', async () => {
    const name = await made()
    const many = Array.from({ length: 501 }, () => bytes('x'))
    await expect(putMany(name, many)).rejects.toMatchObject({ name: 'ValidationException' })
    const large = Array.from({ length: 5 }, () => Buffer.alloc(900_000))
    await expect(putMany(name, large)).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: expect.stringContaining('4 MB') as string,
    })
    expect(await readBack(name)).toEqual([])
  })

  it('says which records a shard has no room for, that they are sent again', async () => {
    const name = await made()
    const limits = { writeBytesPerSecond: 1024, writeRecordsPerSecond: 10 }
    await world.endpoint.native.updateStream(`${name}.delivery`, { shardLimits: limits })
    const records = Array.from({ length: 100 }, (_, at) => bytes(`record ${at}`))
    await expect
      .poll(async () => {
        const { FailedPutCount, RequestResponses = [] } = await putMany(name, records)
        const failed = RequestResponses.filter(({ ErrorCode }) => ErrorCode !== undefined)
        expect(failed).toHaveLength(FailedPutCount!)
        return failed.at(-1)
      })
      .toEqual({ ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' })
  })
})
