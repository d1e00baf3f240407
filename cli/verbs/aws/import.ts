// `millrace import aws`: copies a Kinesis stream, of AWS or of any endpoint, into a stream of this broker.
import { Command, Option } from 'commander'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { encryptionOption, type EncryptionFlags } from '../../keys/option.ts'
import { countOf } from '../../output/amounts.ts'
import type { Terminal } from '../../terminal.ts'
import { loadMigration } from './migration-module.ts'
import { runCopy } from './run-copy.ts'
import { withSide, type SideFlags } from './side-options.ts'

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
  const { importFromAws } = await loadMigration()
  await runCopy(terminal, flags, {
    verb: 'import',
    into: flags.to,
    run: (client, task) =>
      importFromAws(client, {
        ...task,
        to: flags.to,
        deaggregate: flags.deaggregate === true,
        withHeaders: flags.headers,
        compression: flags.compression,
      }),
    remark: ({ alreadyStored }) =>
      alreadyStored === 0 ? '' : ` Already there: ${countOf(alreadyStored, 'record')}.`,
  })
}
