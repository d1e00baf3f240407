// How a verb talks to a broker: one client for its run, closed at its end whatever happens.
import type { Client } from '../client/index.ts'

/** Runs `use` with a client. Verbs that need none do not load it. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const { connect } = await import('../client/index.ts')
  await using client = await connect(url, { clientName: 'millrace-cli' })
  return await use(client)
}

/** All items of a listing, every page. Listings are bounded by the limits on streams and shards. */
export async function collect<T>(listing: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of listing) items.push(item)
  return items
}
