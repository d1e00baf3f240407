// A producer against the fake broker, under driven time.
import {
  connect,
  type ConnectOptions,
  type Producer,
  type ProducerOptions,
} from '../../../../client/index.ts'
import { driven } from '../../support/drive.ts'
import type { Disturbance } from '../../support/disturbance.ts'
import type { FakeBroker } from '../../support/fake-broker.ts'

export const shardId = 'shardId-000000000000'
export const record = { partitionKey: 'ada', data: '1' }

export async function producing(
  broker: FakeBroker,
  options: ProducerOptions = {},
  connectOptions: ConnectOptions = {},
): Promise<{ producer: Producer; end: () => Promise<void> }> {
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 10_000,
      retry: { backoffMinMs: 1, backoffMaxMs: 20 },
      ...connectOptions,
    }),
  )
  const producer = await driven(client.producer('clicks', options))
  return { producer, end: () => driven(client.close()) }
}

/** What becomes of appends from now on. */
export function onAppend(broker: FakeBroker, what: Disturbance): void {
  broker.disturb = ({ operation }) => (operation === 'append' ? what : 'none')
}

/** What becomes of the next appends, one after the other; of all later ones nothing in particular. */
export function onAppends(broker: FakeBroker, whats: readonly Disturbance[]): void {
  const left = whats.values()
  broker.disturb = ({ operation }) => (operation === 'append' ? (left.next().value ?? 'none') : 'none')
}

/** The error that a record ends with; it is handled from the beginning. */
export function failureOf(sent: Promise<unknown> | undefined): Promise<unknown> {
  return Promise.resolve(sent).then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** Answers no append until it is told to. */
export function holdingAppends(broker: FakeBroker): () => void {
  broker.disturb = ({ operation }) => (operation === 'append' ? 'hangs' : 'none')
  return () => {
    broker.disturb = () => 'none'
    broker.disconnect(7401)
  }
}
