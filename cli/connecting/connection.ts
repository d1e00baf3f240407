// Gives a verb a client for its run, and closes the client at the end, also after a failure.
import { endSentence } from '../../client/errors.ts'
import type { Client, ConnectOptions, LogEntry } from '../../client/index.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { encryptionOf, type EncryptionFlags } from '../keys/option.ts'
import { seldom } from '../output/seldom.ts'
import type { ConnectionFlags } from './options.ts'
import { credentialsOf } from './credentials.ts'
import { resolveTarget } from './resolve.ts'
import { processSurroundings } from './surroundings.ts'
import { tell, type Terminal } from '../terminal.ts'

/**
 * Runs `use` with a client of the broker that the options name; the client is loaded only here. With `tellsTroubles`, for a verb
 * that may run for long, the client says on the terminal why it waits while it retries.
 */
export async function withClient<T>(
  terminal: Terminal,
  flags: ConnectionFlags & EncryptionFlags,
  use: (client: Client) => Promise<T>,
  { tellsTroubles = false }: { tellsTroubles?: boolean } = {},
): Promise<T> {
  const connect = await connector(terminal, flags, { tellsTroubles })
  await using client = await connect()
  return await use(client)
}

/** Finds the broker that the options name and what to show it, and returns a function that opens a client of it each time. */
export async function connector(
  terminal: Terminal,
  flags: ConnectionFlags & EncryptionFlags,
  { tellsTroubles = false }: { tellsTroubles?: boolean } = {},
): Promise<() => Promise<Client>> {
  const target = resolveTarget(flags, processSurroundings())
  const { connect } = await import('../../client/index.ts')
  const log = tellsTroubles ? { log: troubles(terminal) } : {}
  const shown = await credentialsOf(target, (line) => tell(terminal, line))
  const credentials = { ...shown, ...(await encryptionOf(flags)) }
  return () => connect(target.url, { clientName: 'millrace-cli', ...credentials, ...log })
}

/** Collects all pages of a listing. The limits on streams and shards bound its length. */
export async function collect<T>(listing: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of listing) items.push(item)
  return items
}

/** Shows the client's warnings. */
function troubles(terminal: Terminal): NonNullable<ConnectOptions['log']> {
  const say = seldom((line) => tell(terminal, line))
  return (entry) => {
    if (entry.level === 'warn') say(troubleLine(entry))
  }
}

/** Says what the client waits for: a connection that was lost, which it tries to make again, or a shard. */
export function troubleLine({ message, shardId, error }: LogEntry): string {
  if (error !== undefined && shardId === undefined) return `millrace: ${visible(error.message)} Trying again.`
  const sentence = `millrace: ${message.charAt(0).toUpperCase()}${message.slice(1)}`
  return error === undefined ? `${sentence}.` : `${sentence}: ${endSentence(visible(error.message))}`
}
