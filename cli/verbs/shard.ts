// `millrace shard list`: the shards of a stream, their ranges and where they stand.
import { Command } from 'commander'
import type { Shard } from '../../client/index.ts'
import { collect, withClient } from '../connection.ts'
import { jsonOption, urlOption, withExamples } from '../help.ts'
import { formatTable } from '../output/table.ts'
import { print, type Terminal } from '../terminal.ts'

export function shardVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('shard').description('Look at the shards of a stream.').addCommand(listVerb(terminal)),
    [{ line: 'millrace shard list clicks', says: 'ranges and sequence numbers' }],
  )
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List the shards of a stream: state, hash key range, oldest and next sequence number.')
    .argument('<stream>')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (stream: string, options: { url: string; json?: true }) => {
      const shards = await withClient(options.url, (client) => collect(client.listShards(stream)))
      if (options.json === true) print(terminal, JSON.stringify(shards, undefined, 2))
      else print(terminal, formatTable(['shard', 'state', 'hash keys', 'oldest', 'next'], shards.map(rowOf)))
    })
  return withExamples(command, [
    { line: 'millrace shard list clicks', says: 'a table' },
    { line: "millrace shard list clicks --json | jq '.[].tail'", says: 'how far each shard has come' },
  ])
}

function rowOf({ shardId, state, hashKeyRange, trimHorizon, tail }: Shard): string[] {
  return [
    shardId,
    state,
    `${hashKeyRange.startingHashKey}…${hashKeyRange.endingHashKey}`,
    trimHorizon === undefined ? 'host is down' : String(trimHorizon),
    tail === undefined ? 'host is down' : String(tail),
  ]
}
