// `millrace export aws`: copies a stream of this broker into a Kinesis stream, of AWS or of any endpoint.
import { Command } from 'commander'
import { visible } from '../../../protocol/text/visible-text.ts'
import { withClient } from '../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { encryptionOption, type EncryptionFlags } from '../../keys/option.ts'
import { countOf, formatBytes } from '../../output/amounts.ts'
import { recordRate, startProgress } from '../../output/progress.ts'
import { seldom } from '../../output/seldom.ts'
import { printJson, tell, type Terminal } from '../../terminal.ts'
import { awsFailure, loadMigration } from './migration-module.ts'
import { startOf, withSide, type SideFlags } from './side-options.ts'

interface ExportFlags extends SideFlags, ConnectionFlags, EncryptionFlags {
  readonly from: string
  readonly looseOrder?: true
}

export function exportVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('export')
      .description('Copy a stream of this broker into a stream of another system.')
      .addCommand(awsVerb(terminal)),
    [{ line: 'millrace export aws --from clicks --stream clicks --follow', says: 'to AWS, until Ctrl-C' }],
  )
}

function awsVerb(terminal: Terminal): Command {
  const command = new Command('aws')
    .description(
      'Copy a stream of this broker into a Kinesis stream, which is made if it is not there: keys, explicit hash keys and data. ' +
        'Kinesis has no place for headers and timestamps. Records of one key keep their order: what is refused is put again before ' +
        'the next one of its key. How far it is is kept in the broker: the same command goes on after a stop, and after one that ' +
        'was not in good order it puts the last records again, since Kinesis does not tell copies apart.',
    )
    .requiredOption('--from <stream>', 'the stream of this broker')
    .option(
      '--start <position>',
      'where the first run begins: TRIM_HORIZON, LATEST or a time',
      'TRIM_HORIZON',
    )
    .option('--follow', 'go on for new records until Ctrl-C; otherwise it ends at the present tail')
    .option(
      '--loose-order',
      'put records of one key together: faster where few keys have most records; one that is refused may then be overtaken',
    )
    .addOption(encryptionOption('decrypt records that were encrypted'))
    .option('--quiet', 'no progress and no summary')
    .addOption(jsonOption())
    .action((flags: ExportFlags) => exportStream(flags, terminal))
  return withExamples(withConnection(withSide(command)), [
    {
      line: 'millrace export aws --from clicks --endpoint http://127.0.0.1:4567 --stream copied',
      says: 'to an endpoint on this machine',
    },
    {
      line: 'millrace export aws --from clicks --region eu-west-1 --stream clicks --follow',
      says: 'to AWS, and on with what is put here',
    },
  ])
}

async function exportStream(flags: ExportFlags, terminal: Terminal): Promise<void> {
  const start = startOf(flags.start, Date.now())
  const { exportToAws } = await loadMigration()
  const signal = terminal.interrupted()
  const begun = performance.now()
  const isQuiet = flags.quiet === true
  const progress = startProgress(terminal, {
    verb: 'export',
    total: undefined,
    quiet: isQuiet || flags.json === true,
  })
  const say = seldom((line) => progress.say(`millrace: ${visible(line)}`))
  let counts: Awaited<ReturnType<typeof exportToAws>>
  try {
    counts = await withClient(
      terminal,
      flags,
      (client) =>
        exportToAws(client, {
          endpoint: flags.endpoint,
          region: flags.region,
          profile: flags.awsProfile,
          from: flags.from,
          stream: flags.stream,
          start,
          follow: flags.follow === true,
          looseOrder: flags.looseOrder === true,
          signal,
          onProgress: ({ records, bytes }) =>
            progress.update(bytes, recordRate(records, performance.now() - begun)),
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
  if (isQuiet) return
  const made = counts.isTargetMade ? `Made ${flags.stream}. ` : ''
  const resumed = counts.isResumed ? ', going on from an earlier export' : ''
  tell(
    terminal,
    `${made}Copied ${countOf(counts.records, 'record')} (${formatBytes(counts.bytes)}) into ${flags.stream}${resumed}.`,
  )
}
