// `millrace produce`: appends the records of its inputs in batches, and reports what was stored.
import { Command, Option } from 'commander'
import { randomBytes } from 'node:crypto'
import type { Client } from '../../client/index.ts'
import { kinds } from '../../broker/config/kinds.ts'
import { endSentence } from '../../client/errors.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { duration, durationUpTo, size } from '../arguments.ts'
import { withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { openInputs } from '../input/input.ts'
import { recordReaderOf, spreadingKeysOf, type RecordOptions } from '../input/record-options.ts'
import { startProgress } from '../output/progress.ts'
import { encryptionOption, type EncryptionFlags } from '../keys/option.ts'
import { seldom } from '../output/seldom.ts'
import { produceRecords, type ProduceOutcome, type ProduceTask } from '../produce-records.ts'
import { countOf, formatBytes, formatDuration } from '../output/amounts.ts'
import { produceReport, produceReportJson } from '../output/produce-report.ts'
import { printJson, tell, type Terminal } from '../terminal.ts'

interface ProduceOptions extends RecordOptions, ConnectionFlags, EncryptionFlags {
  readonly skipInvalid?: true
  readonly batch: number
  readonly linger: number
  readonly drain: number
  readonly compression: 'none' | 'gzip' | 'zstd'
  readonly quiet?: true
  readonly json?: true
}

const BATCH_BYTES_DEFAULT = 256 * 1024
/** Shorter than the time that a container usually has between SIGTERM and SIGKILL. */
const DRAIN_MS_DEFAULT = 5000
/** A producer waits for nothing longer than this. */
const DRAIN_MS_MAX = 120_000

export function produceVerb(terminal: Terminal): Command {
  const command = new Command('produce')
    .description(
      'Append every line of files or of standard input, each as a record whose data is the bytes of its line. ' +
        'CSV rows are records too, without their line ending. Ctrl-C or SIGTERM ends the reading; what was read is then ' +
        'stored for as long as --drain says, and what is not acknowledged by then is counted. A second one ends at once.',
    )
    .argument('<stream>')
    .argument('[files...]', 'files in their order; standard input without any, or for -')
    .option(
      '--key <text>',
      'one partition key for all lines; otherwise each has a random key, and they are spread over the shards',
    )
    .option('--key-field <name>', 'read NDJSON and take the key from this field; a.b looks inside of a')
    .option('--key-column <name>', 'read CSV with a heading and take the key from this column')
    .option('--delimiter <character>', 'what separates the columns of CSV; \\t for a tab', ',')
    .option('--as-json', 'store CSV rows as JSON objects instead of as they are')
    .option(
      '--skip-invalid',
      'go on after lines that are no records, and report how many and why; that no line is one fails nevertheless',
    )
    .addOption(
      new Option('--batch <size>', 'bytes in a batch at most')
        .argParser(size)
        .default(BATCH_BYTES_DEFAULT, kinds.bytes.format(BATCH_BYTES_DEFAULT)),
    )
    .addOption(
      new Option('--linger <duration>', 'how long an unfilled batch waits for more')
        .argParser(duration)
        .default(0, '0ms'),
    )
    .addOption(
      new Option('--drain <duration>', 'once interrupted, how long what was read may take to be stored')
        .argParser(durationUpTo(DRAIN_MS_MAX))
        .default(DRAIN_MS_DEFAULT, kinds.duration.format(DRAIN_MS_DEFAULT)),
    )
    .addOption(
      new Option('--compression <codec>', 'of batches').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .addOption(encryptionOption('encrypt records before they leave'))
    .option('--quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .action((stream: string, files: readonly string[], options: ProduceOptions) =>
      produce(stream, files, options, terminal),
    )
  return withExamples(withConnection(command), [
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
  const read = recordReaderOf(options, spreadingKeysOf(randomBytes(6).toString('base64url')))
  const interrupted = terminal.interrupted()
  // A refusal ends the work even while the pipe is silent.
  const refused = new AbortController()
  const inputs = await openInputs(files, { terminal, signal: AbortSignal.any([interrupted, refused.signal]) })
  const use = async (client: Client): Promise<ProduceOutcome> => {
    // A missing stream is reported before anything is read.
    await client.describeStream(stream)
    // Typed text and the progress would overwrite each other.
    const isTyped = terminal.stdin.isTTY === true && (files.length === 0 || files.includes('-'))
    if (isTyped && options.quiet !== true) {
      tell(terminal, 'Reading records from the terminal, one a line. Ctrl-D on an empty line ends.')
    }
    const quiet = options.quiet === true || options.json === true || isTyped
    const progress = startProgress(terminal, {
      verb: 'produce',
      total: inputs.totalBytes,
      format: formatBytes,
      quiet,
    })
    const say = options.quiet === true ? () => {} : (line: string) => progress.say(line)
    try {
      return await produceRecords(client, {
        stream,
        inputs,
        read,
        interrupted,
        skipInvalid: options.skipInvalid === true,
        batchBytes: options.batch,
        lingerMs: options.linger,
        drainMs: options.drain,
        compression: options.compression,
        onRefused: () => refused.abort(),
        onProgress: (note) => progress.update(inputs.bytesRead(), note),
        onDelayed: delayNotice(seldom(say)),
        onDraining(records) {
          progress.stop()
          if (records > 0) say(drainNotice(records, options.drain))
        },
      })
    } finally {
      progress.stop()
    }
  }
  const outcome = await withClient(terminal, options, use, {
    tellsTroubles: options.quiet !== true,
  })
  report(outcome, options, terminal)
  if (outcome.failure !== undefined) throw outcome.failure
  if (outcome.unacknowledged > 0) throw new Failure('', 'failed')
  if (!outcome.isComplete) throw new Failure('', 'interrupted')
  if (outcome.records === 0 && outcome.skipped > 0) {
    throw new Failure('Nothing is stored: no line of the input is a record.')
  }
}

function delayNotice(say: (line: string) => void): ProduceTask['onDelayed'] {
  return (error, { shardId, delayMs }) => {
    const until = new Date(Date.now() + delayMs).toISOString()
    say(
      `millrace: Records for ${shardId} wait until ${until} (${formatDuration(delayMs)}): ${endSentence(visible(error.message))}`,
    )
  }
}

function drainNotice(records: number, drainMs: number): string {
  return (
    `Interrupted. Not stored yet: ${countOf(records, 'record')}; waiting ${formatDuration(drainMs)} at most. ` +
    'Interrupt again to end at once.'
  )
}

function report(outcome: ProduceOutcome, options: ProduceOptions, terminal: Terminal): void {
  if (options.json === true) return printJson(terminal, produceReportJson(outcome))
  if (options.quiet === true || (outcome.records === 0 && outcome.failure !== undefined)) return
  tell(terminal, produceReport(outcome))
}
