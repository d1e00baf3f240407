// Calls on a client of the fake broker, and what they fail with. Time is faked: a call that waits is driven.
import { connect, type Client } from '../../../client/index.ts'
import { driven } from './drive.ts'
import { FakeBroker } from './fake-broker.ts'
import { fill } from './fill.ts'

/** What a call, or a loop over what it gives, fails with. */
export async function failureOf(use: () => unknown): Promise<unknown> {
  try {
    const given = use()
    const done = async () => {
      if (typeof given === 'object' && given !== null && Symbol.asyncIterator in given) {
        for await (const item of given as AsyncIterable<unknown>) void item
      } else {
        await given
      }
    }
    await driven(done(), { limitMs: 10_000 })
    return undefined
  } catch (error) {
    return error
  }
}

/** Opens a client of a fake broker whose stream has a shard of three records, and closes it. */
export async function withClient(use: (client: Client, broker: FakeBroker) => Promise<void>): Promise<void> {
  const broker = new FakeBroker()
  fill(broker, 0, [3])
  const client = await driven(connect('millrace://fake', { dial: broker.dial }))
  await use(client, broker)
  await driven(client.close())
}

/** What a producer takes as it is. */
export const plainRecord = { partitionKey: 'ada', data: 'x' }
