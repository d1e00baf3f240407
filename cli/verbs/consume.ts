// `millrace consume`: writes records to standard output, from a position to the tail, or without end.
import { Command, Option } from 'commander'
import type { Client, ReadingOptions, StreamRecord } from '../../client/index.ts'
import { wholeNumber } from '../arguments.ts'
import { withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { withExamples } from '../help.ts'
import { encryptionOption, type EncryptionFlags } from '../keys/option.ts'
import { countOf } from '../output/amounts.ts'
import { outputStream } from '../output/output-stream.ts'
import { Skips } from '../output/skips.ts'
import { headingOf, recordFormats, recordWriter, type RecordFormat } from '../output/record-format.ts'
import { parseSpan, positionHelp } from '../positions.ts'
import { screenColumns, tell, type Terminal } from '../terminal.ts'

interface ConsumeOptions extends ConnectionFlags, EncryptionFlags {
  readonly from: string
  readonly until?: string
  readonly shard?: string
  readonly key?: string
  readonly follow?: true
  readonly push?: true
  readonly consumer?: string
  readonly skipUnreadable?: true
  readonly count?: number
  readonly format: RecordFormat
  readonly escape: boolean
}

export function consumeVerb(terminal: Terminal): Command {
  const command = new Command('consume')
    .description(
      'Write records to standard output: in the order of each shard, to the end that each shard has now, ' +
        'or for ever with --follow. Ctrl-C ends it; the exit code is 130 where it had an end of its own.',
    )
    .argument('<stream>')
    .option('--from <position>', positionHelp, 'TRIM_HORIZON')
    .option('--until <position>', 'stop before this position, written like --from')
    .option('--shard <shard>', 'read this shard only; a sequence number needs it where there are several')
    .option(
      '--key <text>',
      'read the records of this partition key only; other shards than its own are not read',
    )
    .option('--follow', 'go on with new records as they come; --from LATEST does so by itself')
    .option('--push', 'let the broker push records instead of asking for them; follows')
    .option('--consumer <consumer>', 'read as this registered consumer, with a throughput of its own')
    .option('--count <n>', 'stop after n records', wholeNumber(1))
    .addOption(encryptionOption('decrypt records that are encrypted'))
    .option(
      '--skip-unreadable',
      'report records that cannot be read on standard error, and go on behind them',
    )
    .addOption(
      new Option(
        '--format <format>',
        'raw: the bytes and a line feed; json: one object a line; table: for people',
      )
        .choices(recordFormats)
        .default('raw'),
    )
    .option(
      '--no-escape',
      'write raw records to a terminal as they are; otherwise control characters in them are shown, not obeyed',
    )
    .action((stream: string, options: ConsumeOptions) => consume(stream, options, terminal))
  return withExamples(withConnection(command), [
    { line: 'millrace consume clicks --from TRIM_HORIZON --count 1000 --format raw', says: 'the oldest' },
    { line: 'millrace consume clicks --from LATEST --follow --format json', says: 'new ones, for ever' },
    { line: 'millrace consume clicks --from 15m --until 5m > some.ndjson', says: 'ten minutes of the past' },
    { line: 'millrace consume clicks --key ada --follow', says: 'one key, for ever' },
    {
      line: 'millrace consume clicks --consumer dashboard --follow',
      says: 'as a registered consumer: see `millrace consumer`',
    },
    { line: 'millrace consume clicks --shard 2 --from 4711 --count 1', says: 'one record' },
  ])
}

async function consume(stream: string, options: ConsumeOptions, terminal: Terminal): Promise<void> {
  const skips = new Skips(terminal)
  const { open, endsByItself } = readingOf(stream, options, skips)
  const interrupted = terminal.interrupted()
  const stop = AbortSignal.any([interrupted, terminal.outputClosed])
  const written = { records: 0 }
  const use = async (client: Client): Promise<void> => {
    const batches = open(client, stop)
    try {
      await writeRecords(batches, options, { terminal, interrupted, written, skips })
    } catch (error) {
      // An interruption is the normal end of following, not a failure.
      if (!stop.aborted) throw error
    }
  }
  await withClient(terminal, options, use, { tellsTroubles: true })
  skips.sum()
  if (!interrupted.aborted || !endsByItself) {
    // A script must not mistake a stream of unreadable records for an empty one.
    const foundNothingElse = skips.places > 0 && written.records === 0 && !stop.aborted
    if (foundNothingElse) throw new Failure('No record could be read.')
    return
  }
  tell(terminal, `Interrupted: ${countOf(written.records, 'record')} written, and not all that there are.`)
  throw new Failure('', 'interrupted')
}

interface Asked {
  readonly open: (client: Client, signal: AbortSignal) => AsyncIterable<readonly StreamRecord[]>
  /** True if the reading has an end other than Ctrl-C. */
  readonly endsByItself: boolean
}

/** Turns the options into a reading that can be opened with a client. Throws Failure (usage) for wrong options. */
function readingOf(stream: string, options: ConsumeOptions, skips: Skips): Asked {
  const { shard, key, push, consumer, count } = options
  const { from, until } = parseSpan(options, Date.now())
  const follow = options.follow === true || push === true || (from === 'LATEST' && until === undefined)
  if (follow && until !== undefined) {
    throw new Failure('--until cannot be combined with --follow or --push: they never end.', 'usage')
  }
  const open: Asked['open'] = (client, signal) => {
    const shared: ReadingOptions = {
      from,
      signal,
      ...(shard === undefined ? {} : { shard }),
      ...(key === undefined ? {} : { partitionKey: key }),
      ...(consumer === undefined ? {} : { consumer }),
      ...(options.skipUnreadable === true ? { onUnreadable: skips.report } : {}),
    }
    if (push === true) return client.subscribe(stream, shared).batches()
    return client.read(stream, { ...shared, follow, ...(until === undefined ? {} : { until }) }).batches()
  }
  return { open, endsByItself: !follow || count !== undefined }
}

interface Writing {
  readonly terminal: Terminal
  readonly interrupted: AbortSignal
  readonly written: { records: number }
  readonly skips: Skips
}

async function writeRecords(
  batches: AsyncIterable<readonly StreamRecord[]>,
  { count = Infinity, format, escape }: ConsumeOptions,
  { terminal, interrupted, written, skips }: Writing,
): Promise<void> {
  const columns = screenColumns(terminal)
  const screen = { columns, showsControls: escape && terminal.stdout.isTTY === true }
  const bytesOf = recordWriter(format, screen)
  const output = outputStream(terminal, interrupted)
  for await (const records of batches) {
    for (const record of records) {
      // The heading waits for the first record: above an error or nothing it would suggest that there are records.
      if (written.records === 0) await output.write(Buffer.from(headingOf(format, screen)))
      const wait = output.write(bytesOf(record))
      if (wait !== undefined) await wait
      if (++written.records === count) return output.flush()
    }
  }
  await output.flush()
  // The message is only for terminals: an empty pipe needs none.
  if (written.records === 0 && skips.places === 0 && terminal.stdout.isTTY === true)
    tell(terminal, 'There is no record between those positions.')
}
