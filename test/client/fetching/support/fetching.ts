// What the tests of fetches share: a stream of one shard in the fake broker, and fetches of it.
import type { Client, Fetched, FetchOptions } from '../../../../client/index.ts'
import { driven } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'
import { fill } from '../../support/fill.ts'
import { connectTo } from '../../support/reading.ts'

export const SHARD = 'shardId-000000000000'

export const at = (atSequenceNumber: number) => ({ atSequenceNumber })

/** A client of the fake broker, and fetches of the first shard of its stream. */
export interface Fetching {
  readonly broker: FakeBroker
  readonly client: Client
  /** From the first record on, unless the test says otherwise. */
  readonly fetch: (options?: Partial<FetchOptions>) => Promise<Fetched>
  readonly end: () => Promise<void>
}

/** Fills the first shard with batches of these sizes. */
export async function fetching(sizes: readonly number[], broker = new FakeBroker()): Promise<Fetching> {
  fill(broker, 0, sizes)
  const { client, end } = await connectTo(broker)
  const fetch = (options: Partial<FetchOptions> = {}) =>
    driven(client.fetch('clicks', { shard: SHARD, from: at(0), ...options }))
  return { broker, client, fetch, end }
}

export const dataOf = ({ records }: Fetched): string[] =>
  records.map(({ data }) => Buffer.from(data).toString())
