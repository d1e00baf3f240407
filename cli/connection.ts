// How a verb talks to a broker: one client for its run, closed at its end whatever happens.
import type { Client, ConnectOptions } from '../client/index.ts'
import { visible } from '../protocol/visible-text.ts'
import { seldom } from './output/seldom.ts'
import { tell, type Terminal } from './terminal.ts'

/**
 * Runs `use` with a client. Verbs that need none do not load it. A verb that may run for long gives its `terminal`: there
 * the client says what it waits for while it tries again.
 */
export async function withClient<T>(
  url: string,
  use: (client: Client) => Promise<T>,
  { terminal }: { terminal?: Terminal | undefined } = {},
): Promise<T> {
  const { connect } = await import('../client/index.ts')
  const log = terminal === undefined ? {} : { log: troubles(terminal) }
  await using client = await connect(url, { clientName: 'millrace-cli', ...log })
  return await use(client)
}

/** All items of a listing, every page. Listings are bounded by the limits on streams and shards. */
export async function collect<T>(listing: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of listing) items.push(item)
  return items
}

/** What people should know of the client's own doings: that it has no connection, and does not give up. */
function troubles(terminal: Terminal): NonNullable<ConnectOptions['log']> {
  const say = seldom((line) => tell(terminal, line))
  return ({ level, error }) => {
    if (level === 'warn' && error !== undefined) say(`millrace: ${visible(error.message)} Trying again.`)
  }
}
