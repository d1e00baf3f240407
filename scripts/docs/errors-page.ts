// docs/errors.md from the table of error codes. Pure.
import { errorCodes, type ErrorCodeEntry, type Retry } from '../../protocol/error-codes.ts'
import { code, table } from './markdown.ts'

const retries: Readonly<Record<Retry, string>> = {
  never: 'The same request will fail again: change it, or give up.',
  backoff:
    'Send the same request again later, after `retryAfterMs` where it is given, else with growing pauses.',
  reroute:
    'Ask the controller for fresh routing (`describeRouting`), then send it to where the shard now is. What the controller refuses so stays refused.',
  reconnect: 'Open a new connection and send it there.',
}

interface Group {
  readonly title: string
  /** Its first id; it ends where the next one begins. */
  readonly from: number
  readonly doc: string
}

const groups: readonly Group[] = [
  {
    title: 'The connection and the request',
    from: 1,
    doc: 'Any operation may end in these. The first two close the connection.',
  },
  { title: 'Made by the client itself', from: 12, doc: 'Never sent.' },
  {
    title: 'Streams and shards',
    from: 16,
    doc: 'Which operation answers which of them stands in [protocol](protocol.md).',
  },
  {
    title: 'Appending',
    from: 32,
    doc: 'In the answer to one batch; the others of its request have their own.',
  },
  {
    title: 'Reading',
    from: 48,
    doc: 'In the answer to one shard of a fetch, to a position, or at the end of a subscription.',
  },
  {
    title: 'Made by a reading client',
    from: 53,
    doc: 'Never sent: the broker does not take compressed batches apart.',
  },
]

/** The page as Markdown. */
export function errorsPage(): string {
  return `# Errors

Every refusal and every failure has one of these codes, in the client (\`error.code\`), on the wire (its id) and in the
broker's metrics. A code answers the two questions that a caller acts on: *may I retry*, and *can it have had an effect?*
The message beside it says what was refused, the value, the limit and what to do; it is for people and may change.

${table(
  ['retry', 'meaning'],
  Object.entries(retries).map(([retry, meaning]) => [code(retry), meaning]),
)}

*Side effects* are \`none\` where the code promises that nothing was written, and \`possible\` where the request may have
taken effect all the same. An idempotent producer may retry after either; anyone else asks first what became of it.

An id that a client does not know reads as \`internal\`, whose meaning is the most careful one.

${groups.map(groupSection).join('\n\n')}
`
}

function groupSection({ title, from, doc }: Group): string {
  const next = groups.find((group) => group.from > from)?.from ?? Infinity
  const rows = Object.entries<ErrorCodeEntry>(errorCodes)
    .filter(([, { id }]) => id >= from && id < next)
    .map(([name, entry]) => [
      code(name),
      String(entry.id),
      code(entry.retry),
      code(entry.sideEffects),
      entry.doc,
    ])
  return `## ${title}\n\n${doc}\n\n${table(['code', 'id', 'retry', 'side effects', 'meaning'], rows)}`
}
