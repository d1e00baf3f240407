// `millrace stream create|list|describe|delete|update`: the streams of a broker.
import { Command } from 'commander'
import { createInterface } from 'node:readline/promises'
import type { Stream } from '../../client/index.ts'
import { duration, wholeNumber } from '../arguments.ts'
import { collect, withClient } from '../connection.ts'
import { Failure } from '../failure.ts'
import { jsonOption, urlOption, withExamples } from '../help.ts'
import { formatDuration } from '../output/amounts.ts'
import { formatFields, formatTable } from '../output/table.ts'
import { print, type Terminal } from '../terminal.ts'

interface Shared {
  readonly url: string
  readonly json?: true
}

export function streamVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('stream')
      .description('Create, list, describe, change and delete streams.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(updateVerb(terminal))
      .addCommand(deleteVerb(terminal)),
    [
      { line: 'millrace stream create clicks --shards 4', says: 'four shards, one day of retention' },
      { line: 'millrace stream update clicks --retention 7d', says: 'keep records for a week' },
    ],
  )
}

function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description('Create a stream over even hash key ranges; done when it takes records.')
    .argument('<name>', '1 to 128 of a–z, A–Z, 0–9, _ . -')
    .option('--shards <count>', 'shards to start with', wholeNumber(1), 1)
    .option('--retention <duration>', 'how long a record stays readable, 24h if not given', duration)
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (name: string, options: Shared & { shards: number; retention?: number }) => {
      const { retention } = options
      const stream = await withClient(options.url, (client) =>
        client.createStream(name, {
          shards: options.shards,
          ...(retention === undefined ? {} : { retentionMs: retention }),
        }),
      )
      show(terminal, stream, options)
    })
  return withExamples(command, [
    { line: 'millrace stream create clicks --shards 4', says: 'ready for four times one shard' },
    { line: 'millrace stream create audit --retention 365d', says: 'one shard, kept for a year' },
  ])
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List all streams by name.')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (options: Shared) => {
      const streams = await withClient(options.url, (client) => collect(client.listStreams()))
      if (options.json === true) return print(terminal, JSON.stringify(streams, undefined, 2))
      const rows = streams.map(({ name, status, openShardCount, retentionMs, createdAt }) => [
        name,
        status,
        String(openShardCount),
        formatDuration(retentionMs),
        createdAt.toISOString(),
      ])
      print(terminal, formatTable(['name', 'status', 'shards', 'retention', 'created'], rows))
    })
  return withExamples(command, [
    { line: 'millrace stream list', says: 'a table' },
    { line: "millrace stream list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description('Describe one stream.')
    .argument('<name>')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (name: string, options: Shared) => {
      show(terminal, await withClient(options.url, (client) => client.describeStream(name)), options)
    })
  return withExamples(command, [{ line: 'millrace stream describe clicks', says: 'its shards and settings' }])
}

function updateVerb(terminal: Terminal): Command {
  const command = new Command('update')
    .description('Change the settings of a stream.')
    .argument('<name>')
    .requiredOption('--retention <duration>', 'how long a record stays readable, 1h to 365d', duration)
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (name: string, options: Shared & { retention: number }) => {
      const changes = { retentionMs: options.retention }
      show(terminal, await withClient(options.url, (client) => client.updateStream(name, changes)), options)
    })
  return withExamples(command, [{ line: 'millrace stream update clicks --retention 7d', says: 'a week' }])
}

function deleteVerb(terminal: Terminal): Command {
  const command = new Command('delete')
    .description('Delete a stream and all its records. Asks first on a terminal; a script is not asked.')
    .argument('<name>')
    .option('--yes', 'do not ask')
    .addOption(urlOption())
    .action(async (name: string, options: Shared & { yes?: true }) => {
      await withClient(options.url, async (client) => {
        await client.describeStream(name)
        if (options.yes !== true) await confirm(terminal, `Delete ${name} and all its records?`)
        await client.deleteStream(name)
      })
      print(terminal, `Deleted ${name}.`)
    })
  return withExamples(command, [
    { line: 'millrace stream delete clicks', says: 'asks before it deletes' },
    { line: 'millrace stream delete clicks --yes', says: 'does not' },
  ])
}

async function confirm(terminal: Terminal, question: string): Promise<void> {
  if (terminal.stdin.isTTY !== true) return
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr })
  try {
    const answer = await lines.question(`${question} [y/N] `)
    if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('Nothing was deleted.', 'interrupted')
  } finally {
    lines.close()
  }
}

function show(terminal: Terminal, stream: Stream, options: Shared): void {
  if (options.json === true) return print(terminal, JSON.stringify(stream, undefined, 2))
  print(
    terminal,
    formatFields([
      ['name', stream.name],
      ['status', stream.status],
      ['open shards', String(stream.openShardCount)],
      ['retention', formatDuration(stream.retentionMs)],
      ['created', stream.createdAt.toISOString()],
    ]),
  )
}
