// Makes docs/errors.md from the table of error codes. Pure.
import { errorCodes, type ErrorCodeEntry, type Retry } from '../../protocol/error-codes.ts'
import { code, table } from './markdown.ts'

const retries: Readonly<Record<Retry, string>> = {
  never: 'The same request will fail again: change it, or give up.',
  backoff:
    'Send the same request again later, after `retryAfterMs` where it is given, else with growing pauses.',
  reroute:
    "Ask the controller for fresh routing (`describeRouting`), then send the request to the shard's host. If the controller itself refuses with such a code, do not retry.",
  reconnect: 'Open a new connection and send it there.',
}

interface Group {
  readonly title: string
  /** First id of the section, which ends before the first id of the next section. */
  readonly from: number
  readonly doc: string
}

const groups: readonly Group[] = [
  {
    title: 'The connection and the request',
    from: 1,
    doc: 'Any operation may fail with these codes. The first two close the connection.',
  },
  { title: 'Made by the client itself', from: 12, doc: 'Never sent.' },
  {
    title: 'Streams and shards',
    from: 16,
    doc: '[Protocol](protocol.md) says which operation answers which of these codes.',
  },
  {
    title: 'Appending',
    from: 32,
    doc: 'These codes are in the answer for one batch; each batch of a request has its own answer.',
  },
  {
    title: 'Reading',
    from: 48,
    doc: 'These codes are in the answer for one shard of a fetch or for a position, or end a subscription.',
  },
  {
    title: 'Made by a reading client',
    from: 53,
    doc: 'Never sent, because the broker does not decode compressed batches.',
  },
  {
    title: 'Made by a client about what answers it',
    from: 56,
    doc: 'Whatever answers is defective, no broker at all, or not to be trusted; the client uses nothing of the answer. Of these, a broker sends `tlsFailed` alone, to a client that speaks no TLS where it must.',
  },
  { title: 'Consumer groups', from: 64, doc: 'The operations on groups answer these codes.' },
  { title: 'Documents', from: 96, doc: 'The operations on documents answer these codes.' },
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
taken effect all the same. An idempotent producer may retry after either; any other client must first find out whether it had.

An id that a client does not know reads as \`internal\`, the most cautious code.

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
