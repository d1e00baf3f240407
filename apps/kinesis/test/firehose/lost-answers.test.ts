// CreateDeliveryStream where the broker's answer is lost: what was made is not taken apart.
import { MillraceError, type Client } from 'millrace'
import { deliveryKinds, type DeliveryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import { Deliveries } from '../../src/firehose/deliveries.ts'
import type { FirehoseCall } from '../../src/firehose/firehose-call.ts'
import type { FirehoseParts } from '../../src/firehose/firehose-parts.ts'
import { createDeliveryStream } from '../../src/firehose/streams/create.ts'

type Outcome = 'stored' | 'not stored' | 'unknown'

/** A broker that does not answer when a definition is put; then the definition is stored, or not, or nobody can say. */
class ForgetfulBroker {
  readonly streams = new Set<string>()
  readonly #definitions = new Map<string, DeliveryDefinition>()
  readonly #outcome: Outcome

  constructor(outcome: Outcome) {
    this.#outcome = outcome
  }

  get client(): Client {
    const lost = () => Promise.reject(new MillraceError('connectionLost', 'The connection is lost.'))
    const find = (name: string) => {
      const value = this.#definitions.get(name)
      return Promise.resolve(value && { name, version: 1, value })
    }
    const read = this.#outcome === 'unknown' ? lost : find
    const documents = {
      keep: () => Promise.resolve({ get: () => undefined, read }),
      get: read,
      put: (name: string, definition: DeliveryDefinition) => {
        if (this.#outcome === 'stored') this.#definitions.set(name, definition)
        return lost()
      },
    }
    const client = {
      documents: (kind: string) => (kind === deliveryKinds.definitions ? documents : undefined),
      describeStream: () => Promise.reject(new MillraceError('streamNotFound', 'There is none.')),
      createStream: (name: string) => Promise.resolve(this.streams.add(name)),
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

it('CreateDeliveryStream: succeeds where only the answer was lost', async () => {
  const broker = new ForgetfulBroker('stored')
  expect(await made(broker)).toMatchObject({ DeliveryStreamARN: expect.stringContaining('/lake') as string })
  expect([...broker.streams]).toEqual(['lake.delivery'])
})

it('CreateDeliveryStream: leaves no stream behind where the delivery was not made', async () => {
  const broker = new ForgetfulBroker('not stored')
  await expect(made(broker)).rejects.toThrow('The connection is lost.')
  expect([...broker.streams]).toEqual([])
})

it('CreateDeliveryStream: leaves the stream where nobody can say whether the delivery was made', async () => {
  const broker = new ForgetfulBroker('unknown')
  await expect(made(broker)).rejects.toThrow('The connection is lost.')
  expect([...broker.streams]).toEqual(['lake.delivery'])
})
