// `millrace import aws`: copies a Kinesis stream, of AWS or of any endpoint, into a stream of this broker.
import { Command, Option } from 'commander'
import { visible } from '../../../protocol/text/visible-text.ts'
import { withClient } from '../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { encryptionOption, type EncryptionFlags } from '../../keys/option.ts'
import { countOf, formatBytes, formatDuration } from '../../output/amounts.ts'
import { recordRate, startProgress } from '../../output/progress.ts'
import { seldom } from '../../output/seldom.ts'
import { printJson, tell, type Terminal } from '../../terminal.ts'
import { awsFailure, loadMigration, type ImportCounts } from './migration-module.ts'
import { startOf, withSide, type SideFlags } from './side-options.ts'

interface ImportFlags extends SideFlags, ConnectionFlags, EncryptionFlags {
  readonly to: string
  readonly deaggregate?: true
  readonly headers: boolean
  readonly compression: 'none' | 'gzip' | 'zstd'
}

export function importVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('import')
      .description('Copy a stream of another system into a stream of this broker.')
      .addCommand(awsVerb(terminal)),
    [{ line: 'millrace import aws --stream clicks --to clicks --follow', says: 'from AWS, until Ctrl-C' }],
  )
}

function awsVerb(terminal: Terminal): Command {
  const command = new Command('aws')
    .description(
      'Copy a Kinesis stream into a stream of this broker, which is made if it is not there: keys, data, placement and, as their ' +
        'timestamps, the times at which Kinesis took the records. Records of one key keep their order, through splits and merges. ' +
        'Headers name the origin of each record. How far it is is kept in the broker: the same command goes on after a stop, and ' +
        'stores no record twice; without headers, the last page of a shard may come again. Run one at a time.',
    )
    .requiredOption('--to <stream>', 'the stream of this broker')
    .option(
      '--start <position>',
      'where the first run begins: TRIM_HORIZON, LATEST or a time',
      'TRIM_HORIZON',
    )
    .option('--follow', 'go on for new records until Ctrl-C; otherwise it ends at the present tail')
    .option('--deaggregate', 'take the user records out of aggregates of the Kinesis Producer Library')
    .option('--no-headers', 'no headers that name the origin of a record')
    .addOption(
      new Option('--compression <codec>', 'of batches').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .addOption(encryptionOption('encrypt records before they leave'))
    .option('--quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .action((flags: ImportFlags) => importStream(flags, terminal))
  return withExamples(withConnection(withSide(command)), [
    {
      line: 'millrace import aws --endpoint http://127.0.0.1:4567 --stream clicks --to copied',
      says: 'from an endpoint on this machine',
    },
    {
      line: 'millrace import aws --region eu-west-1 --aws-profile prod --stream clicks --to clicks --follow',
      says: 'from AWS, and on with what is put there',
    },
  ])
}

async function importStream(flags: ImportFlags, terminal: Terminal): Promise<void> {
  const start = startOf(flags.start, Date.now())
  const { importFromAws } = await loadMigration()
  const signal = terminal.interrupted()
  const begun = performance.now()
  const isQuiet = flags.quiet === true
  const progress = startProgress(terminal, {
    verb: 'import',
    total: undefined,
    quiet: isQuiet || flags.json === true,
  })
  const say = seldom((line) => progress.say(`millrace: ${visible(line)}`))
  let counts: ImportCounts
  try {
    counts = await withClient(
      terminal,
      flags,
      (client) =>
        importFromAws(client, {
          endpoint: flags.endpoint,
          region: flags.region,
          profile: flags.awsProfile,
          stream: flags.stream,
          to: flags.to,
          start,
          follow: flags.follow === true,
          deaggregate: flags.deaggregate === true,
          withHeaders: flags.headers,
          compression: flags.compression,
          signal,
          onProgress: ({ records, bytes, behindMs }) => {
            const behind = behindMs === undefined ? '' : `  ${formatDuration(behindMs)} behind`
            progress.update(bytes, `${recordRate(records, performance.now() - begun)}${behind}`)
          },
          onNotice: isQuiet ? () => {} : say,
        }).catch((error: unknown) => {
          throw awsFailure(error)
        }),
      { tellsTroubles: !isQuiet },
    )
  } finally {
    progress.stop()
  }
  if (flags.json === true) return printJson(terminal, counts)
  if (!isQuiet) tell(terminal, importReport(counts, flags))
}

function importReport(counts: ImportCounts, { to }: ImportFlags): string {
  const { records, bytes, alreadyStored, isResumed, isTargetMade } = counts
  const made = isTargetMade ? `Made ${to}. ` : ''
  const resumed = isResumed ? ', going on from an earlier import' : ''
  const left = alreadyStored === 0 ? '' : ` Already there: ${countOf(alreadyStored, 'record')}.`
  return `${made}Copied ${countOf(records, 'record')} (${formatBytes(bytes)}) into ${to}${resumed}.${left}`
}
