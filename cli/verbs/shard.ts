// `millrace shard list|split|merge`: the shards of a stream, and changing them while everything runs.
import { Command, Option } from 'commander'
import type { IsolatedKey, SplitOptions } from '../../client/index.ts'
import { collect, withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { jsonOption, withExamples } from '../help.ts'
import { shardTable } from '../output/stream-report.ts'
import { print, printJson, screenColumns, type Terminal } from '../terminal.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

interface SplitFlags extends Shared {
  readonly at?: string
  readonly isolateKey?: string
  readonly isolateHash?: string
}

export function shardVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('shard')
      .description('Look at the shards of a stream, split and merge them.')
      .addCommand(listVerb(terminal))
      .addCommand(splitVerb(terminal))
      .addCommand(mergeVerb(terminal)),
    [
      { line: 'millrace shard list clicks', says: 'lineage, sequence numbers, size and load' },
      { line: 'millrace shard split clicks 2', says: 'two shards in the place of one, under full load' },
      { line: 'millrace shard merge clicks 4 5', says: 'and one in the place of those two' },
    ],
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description(
      'List the shards of a stream: state, parents, oldest and next sequence number, stored bytes, load of the last ' +
        'ten seconds, throttled appends included, and the hash key with the largest part of it.',
    )
    .argument('<stream>')
    .addOption(jsonOption())
    .action(async (stream: string, options: Shared) => {
      const shards = await withClient(terminal, options, (client) => collect(client.listShards(stream)))
      if (options.json === true) printJson(terminal, shards, { indent: 2 })
      else print(terminal, shardTable(shards, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace shard list clicks', says: 'a table' },
    { line: "millrace shard list clicks --json | jq '.[].tail'", says: 'how far each shard has come' },
  ])
}

function splitVerb(terminal: Terminal): Command {
  const command = new Command('split')
    .description(
      'Split an open shard; done when its children take records. Without a place, it is split so that both children ' +
        'get the same load, as far as it has been seen.',
    )
    .argument('<stream>')
    .argument('<shard>', 'shardId-000000000002, or just 2')
    .addOption(
      new Option('--at <hash key>', 'where the upper child begins, a decimal').conflicts([
        'isolateKey',
        'isolateHash',
      ]),
    )
    .addOption(
      new Option('--isolate-key <partition key>', 'give this key a shard of its own').conflicts(
        'isolateHash',
      ),
    )
    .option('--isolate-hash <hash key>', 'the same, for a hash key as shard list shows it')
    .addOption(jsonOption())
    .action(async (stream: string, shard: string, options: SplitFlags) => {
      const where = placeOf(options)
      const result = await withClient(terminal, options, (client) => client.splitShard(stream, shard, where))
      if (options.json === true) printJson(terminal, result)
      else print(terminal, result.children.join('\n'))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace shard split clicks 2', says: 'prints the ids of the children' },
    { line: 'millrace shard split clicks 1 --isolate-key user-42', says: 'a hot key alone' },
    {
      line: 'millrace shard split clicks 0 --at 42535295865117307932921825928971026432',
      says: 'the first of four, in halves',
    },
  ])
}

function placeOf({ at, isolateKey, isolateHash }: SplitFlags): SplitOptions {
  if (at !== undefined) return { at }
  const isolate: IsolatedKey | undefined =
    isolateKey !== undefined
      ? { partitionKey: isolateKey }
      : isolateHash !== undefined
        ? { hashKey: isolateHash }
        : undefined
  return isolate === undefined ? {} : { isolate }
}

function mergeVerb(terminal: Terminal): Command {
  const command = new Command('merge')
    .description('Merge two open shards whose hash keys touch; done when the child takes records.')
    .argument('<stream>')
    .argument('<shard>', 'shardId-000000000000, or just 0')
    .argument('<adjacent shard>', 'the one above or below it')
    .addOption(jsonOption())
    .action(async (stream: string, shard: string, adjacent: string, options: Shared) => {
      const result = await withClient(terminal, options, (client) =>
        client.mergeShards(stream, shard, adjacent),
      )
      if (options.json === true) printJson(terminal, result)
      else print(terminal, result.child)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace shard merge clicks 0 1', says: 'prints the id of the child' },
  ])
}
