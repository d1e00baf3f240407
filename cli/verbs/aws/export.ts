// `millrace export aws`: copies a stream of this broker into a Kinesis stream, of AWS or of any endpoint.
import { Command } from 'commander'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { encryptionOption, type EncryptionFlags } from '../../keys/option.ts'
import type { Terminal } from '../../terminal.ts'
import { loadMigration } from './migration-module.ts'
import { runCopy } from './run-copy.ts'
import { withSide, type SideFlags } from './side-options.ts'

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
  const { exportToAws } = await loadMigration()
  await runCopy(terminal, flags, {
    verb: 'export',
    into: flags.stream,
    run: (client, task) =>
      exportToAws(client, { ...task, from: flags.from, looseOrder: flags.looseOrder === true }),
  })
}
