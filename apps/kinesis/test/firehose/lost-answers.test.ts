// CreateDeliveryStream where the broker's answer is lost: what was made is not taken apart.
import { MillraceError, type Client } from 'millrace'
import { deliveryKinds, type DeliveryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import { Deliveries } from '../../src/firehose/deliveries.ts'
import type { FirehoseCall } from '../../src/firehose/firehose-call.ts'
import type { FirehoseParts } from '../../src/firehose/firehose-parts.ts'
import { createDeliveryStream } from '../../src/firehose/streams/create.ts'

/** What becomes of a put whose answer is lost. */
type Fate = 'stored' | 'not stored'

/** A broker whose answer to one of the puts of a definition is lost. */
class ForgetfulBroker {
  readonly streams = new Set<string>()
  readonly definitions = new Map<string, { readonly version: number; readonly value: DeliveryDefinition }>()
  readonly #lost: ReadonlyMap<number, Fate>
  #puts = 0

  /** `lost`: by the number of the put. */
  constructor(lost: Readonly<Record<number, Fate>>) {
    this.#lost = new Map(Object.entries(lost).map(([put, fate]) => [Number(put), fate]))
  }

  get client(): Client {
    const read = (name: string) => Promise.resolve(this.definitions.get(name))
    const documents = {
      keep: () => Promise.resolve({ get: () => undefined, read }),
      get: read,
      put: (name: string, value: DeliveryDefinition) => {
        const version = ++this.#puts
        const fate = this.#lost.get(version)
        if (fate !== 'not stored') this.definitions.set(name, { version, value })
        if (fate === undefined) return Promise.resolve({ version })
        return Promise.reject(new MillraceError('connectionLost', 'The connection is lost.'))
      },
    }
    const client = {
      documents: (kind: string) => (kind === deliveryKinds.definitions ? documents : undefined),
      describeStream: (name: string) =>
        this.streams.has(name)
          ? Promise.resolve({ id: 7 })
          : Promise.reject(new MillraceError('streamNotFound', 'There is none.')),
      createStream: (name: string) => {
        if (this.streams.has(name)) return Promise.reject(new MillraceError('streamExists', 'There is one.'))
        this.streams.add(name)
        return Promise.resolve({ id: 7 })
      },
      deleteStream: (name: string) => Promise.resolve(this.streams.delete(name)),
    }
    return client as unknown as Client
  }
}

async function made(broker: ForgetfulBroker): Promise<unknown> {
  const { client: own } = broker
  const settings = { account: '000000000000', buckets: undefined }
  const log = () => {}
  const deliveries = await Deliveries.open({ own, settings, log } as unknown as Parameters<
    typeof Deliveries.open
  >[0])
  const lake = { RoleARN: 'arn:aws:iam::123456789012:role/firehose', BucketARN: 'arn:aws:s3:::lake' }
  const input = { DeliveryStreamName: 'lake', ExtendedS3DestinationConfiguration: lake }
  const call = { operation: 'CreateDeliveryStream', input, region: 'us-east-1', caller: { client: own } }
  return createDeliveryStream(
    { deliveries, settings, now: () => 1_700_000_000_000, log } as unknown as FirehoseParts,
    call as unknown as FirehoseCall<'CreateDeliveryStream'>,
  )
}

const lakeArn = { DeliveryStreamARN: expect.stringContaining('/lake') as string }

it.each([1, 2])('CreateDeliveryStream: succeeds where only the answer to put %d was lost', async (put) => {
  const broker = new ForgetfulBroker({ [put]: 'stored' })
  expect(await made(broker)).toMatchObject(lakeArn)
  expect([...broker.streams]).toEqual(['lake.delivery'])
  expect(broker.definitions.get('lake')?.value).toMatchObject({ state: 'active', source: { streamId: 7 } })
})

it('CreateDeliveryStream: leaves nothing behind where the delivery was not begun', async () => {
  const broker = new ForgetfulBroker({ 1: 'not stored' })
  await expect(made(broker)).rejects.toThrow('The connection is lost.')
  expect([broker.streams.size, broker.definitions.size]).toEqual([0, 0])
})

it('CreateDeliveryStream: goes on with its own stream where it was cut off behind it', async () => {
  const broker = new ForgetfulBroker({ 2: 'not stored' })
  await expect(made(broker)).rejects.toThrow('The connection is lost.')
  expect(broker.definitions.get('lake')?.value.state).toBe('making')
  expect(await made(broker)).toMatchObject(lakeArn)
  expect(broker.definitions.get('lake')?.value).toMatchObject({ state: 'active', source: { streamId: 7 } })
})
