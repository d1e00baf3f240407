// `millrace produce`: appends everything that comes in, in batches, and reports what was stored.
import { Command, Option } from 'commander'
import type { Client } from '../../client/index.ts'
import { size, duration } from '../arguments.ts'
import { withClient } from '../connection.ts'
import { Failure } from '../failure.ts'
import { jsonOption, urlOption, withExamples } from '../help.ts'
import { openInputs } from '../input/input.ts'
import { recordReaderOf, type RecordOptions } from '../input/record-options.ts'
import { startProgress } from '../output/progress.ts'
import { produceRecords, type ProduceOutcome } from '../produce-records.ts'
import { countOf, formatBytes, formatCount, formatDuration } from '../output/amounts.ts'
import { print, tell, type Terminal } from '../terminal.ts'

interface ProduceOptions extends RecordOptions {
  readonly skipInvalid?: true
  readonly batch: number
  readonly linger: number
  readonly compression: 'none' | 'gzip' | 'zstd'
  readonly quiet?: true
  readonly json?: true
  readonly url: string
}

export function produceVerb(terminal: Terminal): Command {
  const command = new Command('produce')
    .description(
      'Append every line of files or of standard input, each as a record whose data is the bytes of its line. ' +
        'CSV rows are records too, without their line ending.',
    )
    .argument('<stream>')
    .argument('[files...]', 'files in their order; standard input without any, or for -')
    .option('--key <text>', 'one partition key for all lines; otherwise lines are spread over the shards')
    .option('--key-field <name>', 'read NDJSON and take the key from this field; a.b looks inside of a')
    .option('--key-column <name>', 'read CSV with a heading and take the key from this column')
    .option('--delimiter <character>', 'what separates the columns of CSV; \\t for a tab', ',')
    .option('--as-json', 'store CSV rows as JSON objects instead of as they are')
    .option('--skip-invalid', 'go on after lines that are no records, and report their number')
    .option('--batch <size>', 'bytes in a batch at most', size, 256 * 1024)
    .option('--linger <duration>', 'how long an unfilled batch waits for more', duration, 0)
    .addOption(
      new Option('--compression <codec>', 'of batches').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .option('--quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action((stream: string, files: readonly string[], options: ProduceOptions) =>
      produce(stream, files, options, terminal),
    )
  return withExamples(command, [
    { line: 'millrace produce clicks --key-field user < clicks.ndjson', says: 'NDJSON, in order per user' },
    { line: 'millrace produce flights --key-column origin flights.csv', says: 'CSV, in order per origin' },
    { line: 'journalctl --follow | millrace produce log --key $HOSTNAME', says: 'lines as they come' },
  ])
}

async function produce(
  stream: string,
  files: readonly string[],
  options: ProduceOptions,
  terminal: Terminal,
): Promise<void> {
  const read = recordReaderOf(options)
  const interrupted = terminal.interrupted()
  // A pipe that pauses must not keep a refusal from ending the work.
  const refused = new AbortController()
  const inputs = await openInputs(files, { terminal, signal: AbortSignal.any([interrupted, refused.signal]) })
  const use = async (client: Client): Promise<ProduceOutcome> => {
    // Before anything is read: a stream that is not there is the first thing to say.
    await client.describeStream(stream)
    const quiet = options.quiet === true || options.json === true
    const progress = startProgress(terminal, {
      verb: 'produce',
      total: inputs.totalBytes,
      format: formatBytes,
      quiet,
    })
    try {
      return await produceRecords(client, {
        stream,
        inputs,
        read,
        interrupted,
        skipInvalid: options.skipInvalid === true,
        batchBytes: options.batch,
        lingerMs: options.linger,
        compression: options.compression,
        onRefused: () => refused.abort(),
        onProgress: (note) => progress.update(inputs.bytesRead(), note),
      })
    } finally {
      progress.stop()
    }
  }
  const outcome = await withClient(options.url, use, {
    terminal: options.quiet === true ? undefined : terminal,
  })
  report(outcome, options, terminal)
  if (outcome.failure !== undefined) throw outcome.failure
  if (interrupted.aborted) throw new Failure('', 'interrupted')
}

function report(outcome: ProduceOutcome, options: ProduceOptions, terminal: Terminal): void {
  const { records, bytes, elapsedMs, skipped, shards } = outcome
  if (options.json === true) {
    const { durability } = outcome
    print(terminal, JSON.stringify({ records, bytes, elapsedMs, skipped, shards, durability }))
    return
  }
  if (options.quiet === true || (records === 0 && outcome.failure !== undefined)) return
  if (records === 0 && skipped === 0) return tell(terminal, 'Stored no record: there was none.')
  const rate =
    records >= 100 && elapsedMs > 0 ? `: ${formatCount((records / elapsedMs) * 1000)} records/s` : ''
  const level = outcome.durability === 'disk' ? ', each flushed to disk' : ''
  tell(
    terminal,
    `Stored ${countOf(records, 'record')} (${formatBytes(bytes)}) in ${countOf(shards, 'shard')}` +
      `${level}, within ${formatDuration(elapsedMs)}${rate}.` +
      (skipped === 0 ? '' : ` Skipped ${countOf(skipped, 'line')} that are no records.`),
  )
}
