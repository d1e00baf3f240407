// `millrace consumer register|list|describe|deregister`: registered consumers of a stream, who receives what, and why it waits.
import { Command } from 'commander'
import { confirm } from '../confirm.ts'
import { collect, withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { consumerReport, consumerTable } from '../output/consumer-report.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../terminal.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

interface DeregisterFlags extends Shared {
  readonly yes?: true
}

export function consumerVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('consumer')
      .description('Register, list, describe and deregister consumers with a throughput of their own.')
      .addCommand(registerVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(deregisterVerb(terminal)),
    [
      { line: 'millrace consumer register clicks dashboard', says: 'read as it: `--consumer dashboard`' },
      { line: 'millrace consumer describe clicks dashboard', says: 'how far it is in each shard, and why' },
    ],
  )
}

function registerVerb(terminal: Terminal): Command {
  const command = new Command('register')
    .description(
      'Register a consumer of a stream: the broker pushes to it, and in each shard it has a throughput of its own, where a ' +
        'stream has limits. It stays until it is deregistered, or its stream is deleted.',
    )
    .argument('<stream>')
    .argument('<name>', '1 to 128 letters, digits, _, . and -')
    .addOption(jsonOption())
    .action(async (stream: string, name: string, options: Shared) => {
      const consumer = await withClient(terminal, options, (client) => client.registerConsumer(stream, name))
      if (options.json === true) printJson(terminal, consumer, { indent: 2 })
      else
        print(
          terminal,
          `Registered ${name}. Read as it with \`millrace consume ${stream} --consumer ${name}\`.`,
        )
    })
  return withExamples(withConnection(command), [
    { line: 'millrace consumer register clicks dashboard', says: 'once' },
  ])
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List the registered consumers of a stream by name: status, and when each was registered.')
    .argument('<stream>')
    .addOption(jsonOption())
    .action(async (stream: string, options: Shared) => {
      const consumers = await withClient(terminal, options, (client) => collect(client.listConsumers(stream)))
      if (options.json === true) return printJson(terminal, consumers, { indent: 2 })
      if (consumers.length === 0) {
        return tell(
          terminal,
          `${stream} has no registered consumer. Make one with \`millrace consumer register ${stream} <name>\`.`,
        )
      }
      print(terminal, consumerTable(consumers, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace consumer list clicks', says: 'a table' },
    { line: "millrace consumer list clicks --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description(
      'Describe a consumer: for each shard who receives it, up to which number it was sent, records and bytes behind that, ' +
        'age of the oldest of them, rate, and the reason why it is there.',
    )
    .argument('<stream>')
    .argument('<consumer>')
    .addOption(jsonOption())
    .action(async (stream: string, name: string, options: Shared) => {
      const consumer = await withClient(terminal, options, (client) => client.describeConsumer(stream, name))
      if (options.json === true) printJson(terminal, consumer, { indent: 2 })
      else print(terminal, consumerReport(consumer, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace consumer describe clicks dashboard', says: 'tables' },
    {
      line: "millrace consumer describe clicks dashboard --json | jq '[.shards[].recordsBehind] | add'",
      says: 'how many records are behind',
    },
  ])
}

function deregisterVerb(terminal: Terminal): Command {
  const command = new Command('deregister')
    .description(
      'Deregister a consumer: its readers end with an error. Asks first on a terminal; a script is not asked.',
    )
    .argument('<stream>')
    .argument('<consumer>')
    .option('--yes', 'do not ask')
    .action(async (stream: string, name: string, options: DeregisterFlags) => {
      await withClient(terminal, options, async (client) => {
        await client.describeConsumer(stream, name)
        const question = `Deregister the consumer ${name} of ${stream}? Its readers end.`
        if (options.yes !== true && !(await confirm(terminal, question))) {
          throw new Failure('Nothing was changed.', 'interrupted')
        }
        await client.deregisterConsumer(stream, name)
      })
      print(terminal, `Deregistered ${name}.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace consumer deregister clicks dashboard', says: 'asks before it does' },
    { line: 'millrace consumer deregister clicks dashboard --yes', says: 'does not' },
  ])
}
