// What the tests of reading share: a client of the fake broker, and loops that collect.
import { connect, type Client, type Reading } from '../../../client/index.ts'
import { driven } from './drive.ts'
import type { FakeBroker } from './fake-broker.ts'

export async function connectTo(broker: FakeBroker): Promise<{ client: Client; end: () => Promise<void> }> {
  const client = await driven(
    connect('millrace://fake', {
      dial: broker.dial,
      requestTimeoutMs: 1000,
      retry: { backoffMinMs: 1, backoffMaxMs: 20 },
    }),
  )
  return { client, end: () => driven(client.close()) }
}

export async function collect(reading: Reading<Uint8Array>, count = Infinity): Promise<string[]> {
  const values: string[] = []
  for await (const { data } of reading) {
    values.push(Buffer.from(data).toString())
    if (values.length >= count) break
  }
  return values
}

/** What `fill` stores in a shard, from one number up to another. */
export function values(shard: number, from: number, until: number): string[] {
  return Array.from({ length: until - from }, (_, i) => `${shard}:${from + i}`)
}
