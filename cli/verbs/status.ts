// `millrace status`: says whether the broker answers and all of its hosts are ready; the exit code tells scripts.
import { Command } from 'commander'
import type { BrokerDescription } from '../../client/index.ts'
import { withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { formatBytes, formatCount, formatDuration } from '../output/amounts.ts'
import { formatFields, formatTable, type Room } from '../output/table.ts'
import { print, printJson, screenColumns, type Terminal } from '../terminal.ts'

export function statusVerb(terminal: Terminal): Command {
  const command = new Command('status')
    .description('Show the broker, its shard hosts and their states.')
    .addOption(jsonOption())
    .action(async (options: ConnectionFlags & { json?: true }) => {
      const broker = await withClient(terminal, options, (client) => client.describeBroker())
      const room = { columns: screenColumns(terminal) }
      if (options.json === true) printJson(terminal, broker, { indent: 2 })
      else print(terminal, report(broker, { now: Date.now(), room }))
      if (!broker.hosts.every(({ state }) => state === 'ready')) throw new Failure('', 'unhealthy')
    })
  return withExamples(withConnection(command), [
    { line: 'millrace status', says: 'exit code 0 where every host is ready, else 5' },
    { line: 'until millrace status > /dev/null 2>&1; do sleep 1; done', says: 'waits for a broker' },
  ])
}

function report(broker: BrokerDescription, { now, room }: { now: number; room: Room }): string {
  const facts: [string, string][] = [
    ['broker', `${broker.brokerId}  ${broker.software}`],
    ['up for', formatDuration(now - broker.startedAt.getTime())],
    ['streams', formatCount(broker.streamCount)],
    ['shards', shardsText(broker)],
    ['free space', formatBytes(broker.freeBytes)],
  ]
  const hosts = broker.hosts.map((host) => [
    String(host.hostId),
    host.state,
    String(host.port),
    host.pid === undefined ? '-' : String(host.pid),
    String(host.openShards),
    String(host.restarts),
    host.reason ?? '',
  ])
  const headings = ['host', 'state', 'port', 'pid', 'open shards', 'restarts', 'reason']
  return `${formatFields(facts, room)}\n\n${formatTable(headings, hosts, room)}`
}

/** Open shards are the sum over the hosts, so that both figures agree. Closed shards stay until their records expire. */
function shardsText({ shardCount, hosts }: BrokerDescription): string {
  const open = hosts.reduce((sum, { openShards }) => sum + openShards, 0)
  const closed = Math.max(0, shardCount - open)
  return closed === 0
    ? `${formatCount(open)} open`
    : `${formatCount(open)} open, ${formatCount(closed)} closed`
}
