// `millrace status`: is the broker there, and is all of it well? For people, and for scripts by its exit code.
import { Command } from 'commander'
import type { Broker } from '../../client/index.ts'
import { withClient } from '../connection.ts'
import { Failure } from '../failure.ts'
import { jsonOption, urlOption, withExamples } from '../help.ts'
import { formatBytes, formatCount, formatDuration } from '../output/amounts.ts'
import { formatFields, formatTable } from '../output/table.ts'
import { print, type Terminal } from '../terminal.ts'

export function statusVerb(terminal: Terminal): Command {
  const command = new Command('status')
    .description('Show the broker, its shard hosts and their states.')
    .addOption(jsonOption())
    .addOption(urlOption())
    .action(async (options: { url: string; json?: true }) => {
      const broker = await withClient(options.url, (client) => client.describeBroker())
      print(
        terminal,
        options.json === true ? JSON.stringify(broker, undefined, 2) : report(broker, Date.now()),
      )
      if (!broker.hosts.every(({ state }) => state === 'ready')) throw new Failure('', 'unhealthy')
    })
  return withExamples(command, [
    { line: 'millrace status', says: 'exit code 0 where every host is ready, else 5' },
    { line: 'until millrace status > /dev/null 2>&1; do sleep 1; done', says: 'waits for a broker' },
  ])
}

function report(broker: Broker, now: number): string {
  const fields = formatFields([
    ['broker', `${broker.brokerId}  ${broker.software}`],
    ['up for', formatDuration(now - broker.startedAt.getTime())],
    ['streams', formatCount(broker.streamCount)],
    ['shards', formatCount(broker.shardCount)],
    ['free space', formatBytes(broker.freeBytes)],
  ])
  const hosts = broker.hosts.map((host) => [
    String(host.hostId),
    host.state,
    String(host.port),
    host.pid === undefined ? '-' : String(host.pid),
    String(host.openShards),
    String(host.restarts),
    host.reason ?? '',
  ])
  return `${fields}\n\n${formatTable(['host', 'state', 'port', 'pid', 'shards', 'restarts', 'reason'], hosts)}`
}
