// `millrace stream create|list|describe|update|scale|delete`: the streams of a broker.
import { Command } from 'commander'
import { confirm } from '../confirm.ts'
import { MillraceError, type Client, type Stream } from '../../client/index.ts'
import { streamSchemaKind, type StreamSchema } from '../../protocol/apps/stream-schema.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { wholeNumber } from '../arguments.ts'
import { collect, withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { streamReport, streamTable } from '../output/stream-report.ts'
import { addSettingsFlags, settingsOf, type SettingsFlags } from '../stream-settings.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../terminal.ts'
import { scaleVerb } from './scale.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

export function streamVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('stream')
      .description('Create, list, describe, change, scale and delete streams.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(updateVerb(terminal))
      .addCommand(scaleVerb(terminal))
      .addCommand(deleteVerb(terminal)),
    [
      { line: 'millrace stream create clicks --shards 4', says: 'four shards, one day of retention' },
      { line: 'millrace stream update clicks --retention 7d', says: 'keep records for a week' },
      { line: 'millrace stream scale clicks 16', says: 'sixteen shards in the place of four' },
    ],
  )
}

function createVerb(terminal: Terminal): Command {
  const command = addSettingsFlags(
    new Command('create')
      .description('Create a stream over even hash key ranges; done when it takes records.')
      .argument('<name>', '1 to 128 of a–z, A–Z, 0–9, _ . -')
      .option(
        '--shards <count>',
        'shards to start with: 1, or the default of on-demand streams',
        wholeNumber(1),
      ),
  )
    .addOption(jsonOption())
    .action(async (name: string, options: Shared & SettingsFlags & { shards?: number }) => {
      const { shards } = options
      const settings = { ...settingsOf(options), ...(shards === undefined ? {} : { shards }) }
      const stream = await withClient(terminal, options, (client) => client.createStream(name, settings))
      show(terminal, stream, options)
      if (settings.scaling !== undefined) tellOfScaling(terminal, stream)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace stream create clicks --shards 4', says: 'ready for four times one shard' },
    { line: 'millrace stream create audit --retention 365d', says: 'one shard, kept for a year' },
    {
      line: 'millrace stream create orders --mode on-demand --max-shards 64',
      says: 'as many as the load asks',
    },
    { line: 'millrace stream create feed --shards 2 --limits kinesis', says: 'what Kinesis gives a shard' },
  ])
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List all streams by name.')
    .addOption(jsonOption())
    .action(async (options: Shared) => {
      const streams = await withClient(terminal, options, (client) => collect(client.listStreams()))
      if (options.json === true) return printJson(terminal, streams, { indent: 2 })
      if (streams.length === 0) {
        return tell(terminal, 'There is no stream yet. Create one with `millrace stream create <name>`.')
      }
      print(terminal, streamTable(streams, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace stream list', says: 'a table' },
    { line: "millrace stream list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

/** What its records are, where somebody says so and who asks may know it. */
async function schemaOf(client: Client, { name, id }: Stream): Promise<StreamSchema | undefined> {
  try {
    const found = await client.documents<StreamSchema>(streamSchemaKind).get(name)
    return found?.value.streamId === id ? found.value : undefined
  } catch (error) {
    if (MillraceError.is(error, 'permissionDenied')) return undefined
    throw error
  }
}

function schemaText({ columns, writers }: StreamSchema): string {
  const fields = columns.map(({ name, type }) => `${name} ${type}`)
  return visible(
    `Records are JSON objects of ${fields.join(', ')}, as ${Object.keys(writers).join(' and ')} says.`,
  )
}

function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description('Describe one stream.')
    .argument('<stream>')
    .addOption(jsonOption())
    .action(async (name: string, options: Shared) => {
      const { stream, schema } = await withClient(terminal, options, async (client) => {
        const described = await client.describeStream(name)
        return { stream: described, schema: await schemaOf(client, described) }
      })
      if (options.json === true)
        return printJson(terminal, schema === undefined ? stream : { ...stream, schema }, { indent: 2 })
      show(terminal, stream, options)
      if (schema !== undefined) print(terminal, `\n${schemaText(schema)}`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace stream describe clicks', says: 'its shards and settings' },
  ])
}

function updateVerb(terminal: Terminal): Command {
  const command = addSettingsFlags(
    new Command('update')
      .description('Change the settings of a stream. What is not named stays.')
      .argument('<stream>'),
  )
    .addOption(jsonOption())
    .action(async (name: string, options: Shared & SettingsFlags) => {
      const changes = settingsOf(options)
      if (Object.keys(changes).length === 0) throw new Failure('Name what is to change: see --help.', 'usage')
      const stream = await withClient(terminal, options, (client) => client.updateStream(name, changes))
      show(terminal, stream, options)
      if (changes.scaling !== undefined) tellOfScaling(terminal, stream)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace stream update clicks --retention 7d', says: 'a week' },
    { line: 'millrace stream update clicks --mode on-demand --min-shards 2', says: 'scaled by the load' },
    { line: 'millrace stream update clicks --limits write-bytes=4MiB,reads=20', says: 'no other limits' },
  ])
}

function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description('Delete a stream and all its records. Asks first on a terminal; a script is not asked.')
    .argument('<stream>')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: Shared & { yes?: true }) => {
      await withClient(terminal, options, async (client) => {
        await client.describeStream(name)
        if (options.yes !== true && !(await confirm(terminal, `Delete ${name} and all its records?`))) {
          throw new Failure('Nothing was deleted.', 'interrupted')
        }
        await client.deleteStream(name)
      })
      print(terminal, `Deleted ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace stream delete clicks', says: 'asks before it deletes' },
    { line: 'millrace stream delete clicks --yes', says: 'does not' },
  ])
}

function show(terminal: Terminal, stream: Stream, options: Shared): void {
  if (options.json === true) printJson(terminal, stream, { indent: 2 })
  else print(terminal, streamReport(stream, { columns: screenColumns(terminal) }))
}

/** Tells the user that bounds and targets of a provisioned stream are kept but have no effect yet. */
function tellOfScaling(terminal: Terminal, { name, mode }: Stream): void {
  if (mode === 'on-demand') return
  tell(
    terminal,
    `${name} is provisioned: its bounds and targets are kept for \`millrace stream update ${name} --mode on-demand\`. ` +
      `Until then its shards stay as they are; \`millrace stream scale ${name} --explain\` shows what would become of them.`,
  )
}
