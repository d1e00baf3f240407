// `millrace query watch`: the results of a query as they come, in a table.
import { Command } from 'commander'
import type { StreamRecord } from '../../../../client/index.ts'
import { visible } from '../../../../protocol/text/visible-text.ts'
import { wholeNumber } from '../../../arguments.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { outputStream } from '../../../output/output-stream.ts'
import { parsePosition } from '../../../positions.ts'
import { screenColumns, tell, type Terminal } from '../../../terminal.ts'
import { doorOf, loadDefinitions, refusing, type QueryResults } from './queries-module.ts'
import { ResultTable } from './result-table.ts'

interface WatchFlags extends ConnectionFlags {
  readonly from: string
  readonly count?: number
  readonly target?: string
  readonly json?: true
}

export function watchVerb(terminal: Terminal): Command {
  const command = new Command('watch')
    .description(
      'Watch the results of a query as they come: the streams that it writes to, under the names of their columns. Ctrl-C ends it.',
    )
    .argument('<query>')
    .option('--from <position>', 'where it begins in the results', 'LATEST')
    .option('--count <n>', 'end after so many results', wholeNumber(1))
    .option('--target <stream>', 'only this one of the streams that it writes to')
    .addOption(jsonOption())
    .action((name: string, flags: WatchFlags) => watch(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace query watch views', says: 'from now on' },
    { line: 'millrace query watch views --from TRIM_HORIZON --count 10', says: 'the first ten' },
    { line: "millrace query watch views --json | jq '.result'", says: 'one object a line' },
  ])
}

async function watch(terminal: Terminal, name: string, flags: WatchFlags): Promise<void> {
  const from = parsePosition(flags.from, { option: '--from', now: Date.now() })
  const { queryResults, describeQuery } = await loadDefinitions()
  const enough = new AbortController()
  const stop = AbortSignal.any([terminal.interrupted(), terminal.outputClosed, enough.signal])
  await withClient(
    terminal,
    flags,
    async (client) => {
      const { results, reason } = await refusing(async () => ({
        results: await queryResults(client, name),
        reason: (await describeQuery(doorOf(client), name)).reason,
      }))
      if (reason !== undefined) tell(terminal, reason)
      const watched = watchedOf(results, flags.target)
      const write = writerOf(terminal, watched, flags)
      const follow = async ({ target }: QueryResults): Promise<void> => {
        for await (const records of client.read(target, { from, follow: true, signal: stop }).batches()) {
          for (const record of records) {
            if (enough.signal.aborted) return
            if (await write(target, record)) enough.abort()
          }
        }
      }
      await following(watched, follow, stop)
    },
    { tellsTroubles: true },
  )
}

/** Follows all until one fails or all are to stop, which is the normal end. */
async function following(
  watched: readonly QueryResults[],
  follow: (results: QueryResults) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  try {
    await Promise.all(watched.map(follow))
  } catch (error) {
    if (!stop.aborted) throw error
  }
}

/** One for each stream, though several statements may write to it. */
function watchedOf(results: readonly QueryResults[], target: string | undefined): readonly QueryResults[] {
  const byTarget = new Map(results.map((each) => [each.target, each]))
  if (target === undefined) return [...byTarget.values()]
  const found = byTarget.get(target)
  if (found !== undefined) return [found]
  throw new Failure(
    `The query does not write to ${visible(target)}: it writes to ${[...byTarget.keys()].join(', ')}.`,
    'usage',
  )
}

/** Returns what writes a result, and tells whether it was the last one. */
function writerOf(
  terminal: Terminal,
  watched: readonly QueryResults[],
  { json, count = Infinity }: WatchFlags,
): (target: string, record: StreamRecord) => Promise<boolean> {
  const out = outputStream(terminal)
  const table = new ResultTable(watched, { columns: screenColumns(terminal) })
  const hasKey = new Set(
    watched
      .filter(({ columns }) => columns.some(({ name }) => name === KEY_COLUMN))
      .map(({ target }) => target),
  )
  let written = 0
  return async (target, record) => {
    const result = resultOf(record, hasKey.has(target))
    const lines =
      json === true ? visible(JSON.stringify({ stream: target, result })) : table.lines(target, result)
    await out.write(Buffer.from(`${lines}\n`))
    const isLast = ++written >= count
    if (isLast) await out.flush()
    return isLast
  }
}

/** A column of this name is the partition key of a result, and no part of its payload. */
const KEY_COLUMN = 'partition_key'

function resultOf({ bytes, partitionKey }: StreamRecord, hasKey: boolean): Readonly<Record<string, unknown>> {
  const key = hasKey ? { [KEY_COLUMN]: partitionKey } : {}
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...key, ...value }
  } catch {
    // Somebody else writes to the stream too.
  }
  return { ...key, data: text }
}
