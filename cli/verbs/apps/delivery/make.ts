// `millrace delivery create|update`: makes deliveries, and changes them. What is wrong is said before anything is written.
import { Command } from 'commander'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { parseGroupStart } from '../../../positions.ts'
import { print, printJson, tell, type Terminal } from '../../../terminal.ts'
import { withDefinitions } from './definitions-module.ts'
import { fieldsOf, withFields, type FieldFlags } from './fields.ts'
import { madeText, withoutSecrets } from './report.ts'

interface MakeFlags extends FieldFlags, ConnectionFlags {
  readonly json?: true
}

interface CreateFlags extends MakeFlags {
  readonly stream?: string
  readonly createStream?: true
  readonly from?: string
  readonly to: string
}

export function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description(
      'Make a delivery: what is in a stream, and what comes, goes to a place. The app delivery carries it out: ' +
        '`millrace serve --with delivery`, or `millrace delivery serve`.',
    )
    .argument('<name>', '1 to 64 letters, digits, _, . and -')
    .option('--stream <name>', 'the source; left out: a stream of its own, NAME.delivery, for direct puts')
    .option('--create-stream', 'makes the source where it is not there')
    .option(
      '--from <position>',
      'where it begins: TRIM_HORIZON, LATEST, a time, or how long ago (TRIM_HORIZON)',
    )
    .requiredOption(
      '--to <place>',
      'a directory of the machine of the app, s3://bucket/prefix, https://…, or stream:NAME',
    )
  withFields(command)
    .addOption(jsonOption())
    .action((name: string, flags: CreateFlags) => create(terminal, name, flags))
  return withExamples(withConnection(command), [
    {
      line: 'millrace delivery create lake --stream clicks --to ./lake --buffer-interval 5s',
      says: 'lines, in files that are at most 5 seconds late',
    },
    {
      line: 'millrace delivery create lake --stream enriched --to ./lake --format parquet --partition-by .country',
      says: 'country=DE/2026/11/30/20/….parquet',
    },
    {
      line: 'millrace delivery create cold --stream clicks --to s3://logs/clicks --compression gzip',
      says: 'to S3, with the credentials of the environment of the app',
    },
  ])
}

export function updateVerb(terminal: Terminal): Command {
  const command = new Command('update')
    .description(
      'Change a delivery: what was read before is delivered as before, what comes later by its next version. Source and start cannot ' +
        'be changed, and neither can files become an endpoint or a stream.',
    )
    .argument('<name>')
    .option('--to <place>', 'another place')
  withFields(command)
    .addOption(jsonOption())
    .action((name: string, flags: MakeFlags) => update(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace delivery update lake --buffer-interval 1m', says: 'larger files' },
    { line: 'millrace delivery update lake --compression zstd', says: 'from now on' },
  ])
}

async function create(terminal: Terminal, name: string, flags: CreateFlags): Promise<void> {
  const { from, stream, createStream } = flags
  const start = from === undefined ? undefined : startOf(from)
  const fields = fieldsOf(flags, process.cwd())
  const { destination } = fields
  if (destination === undefined) throw new Failure('--to is needed.', 'usage')
  const made = await withDefinitions((definitions) =>
    withClient(terminal, flags, async (client) => {
      if (stream !== undefined && createStream === true) await definitions.makeStream(client, stream)
      const source = {
        stream: stream ?? definitions.ownStreamOf(name),
        isOwn: stream === undefined,
        ...(start !== undefined && { from: start }),
      }
      return definitions.createDelivery(client, name, { ...fields, destination, source })
    }),
  )
  show(terminal, name, flags, made)
}

async function update(terminal: Terminal, name: string, flags: MakeFlags): Promise<void> {
  const made = await withDefinitions((definitions) =>
    withClient(terminal, flags, async (client) => {
      const { definition } = await definitions.describeDelivery(client, name)
      const fields = fieldsOf(flags, process.cwd(), definition)
      if (Object.keys(fields).length === 0)
        throw new Failure('Nothing is given that would change it.', 'usage')
      return definitions.updateDelivery(client, name, fields)
    }),
  )
  show(terminal, name, flags, made)
}

function show(
  terminal: Terminal,
  name: string,
  { json }: MakeFlags,
  {
    definition,
    warnings,
  }: { readonly definition: Parameters<typeof withoutSecrets>[0]; readonly warnings: readonly string[] },
): void {
  for (const warning of warnings) tell(terminal, warning)
  if (json === true) printJson(terminal, { name, definition: withoutSecrets(definition) }, { indent: 2 })
  else print(terminal, madeText(name, definition))
}

function startOf(text: string): 'TRIM_HORIZON' | 'LATEST' | { readonly atTimestamp: number } {
  const start = parseGroupStart(text, { option: '--from', now: Date.now() })
  return typeof start === 'string' ? start : { atTimestamp: Number(start.atTimestamp) }
}
