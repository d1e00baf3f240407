// `millrace function list|describe`: the functions of a broker, and how their mappings stand.
import { Command } from 'commander'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../../terminal.ts'
import { functionReport, functionTable } from './function-report.ts'
import { loadDefinitions, refusing } from './functions-module.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

export function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description(
      'List all functions by name: handler, the streams that they read and write, and the state of that.',
    )
    .addOption(jsonOption())
    .action(async (flags: Shared) => {
      const { listFunctions, listMappings } = await loadDefinitions()
      const { functions, mappings } = await withClient(terminal, flags, async (client) => ({
        functions: await listFunctions(client),
        mappings: await listMappings(client),
      }))
      if (flags.json === true) {
        const withMappings = functions.map((found) => ({
          ...found,
          mappings: mappings.filter(({ mapping }) => mapping.function === found.name),
        }))
        return printJson(terminal, withMappings, { indent: 2 })
      }
      if (functions.length === 0) {
        return tell(terminal, 'There is no function yet. Make one by `millrace function create`: see --help.')
      }
      print(terminal, functionTable(functions, mappings, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace function list', says: 'a table' },
    { line: "millrace function list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

export function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description(
      'Describe a function, and each of its mappings: how far it is behind, the last result, and which records a shard stands still at, and why.',
    )
    .argument('<function>')
    .addOption(jsonOption())
    .action(async (name: string, flags: Shared) => {
      const { describeFunction } = await loadDefinitions()
      const described = await withClient(terminal, flags, (client) =>
        refusing(() => describeFunction(client, name)),
      )
      if (flags.json === true) printJson(terminal, described, { indent: 2 })
      else print(terminal, functionReport(described, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace function describe enrich', says: 'tables' },
    {
      line: "millrace function describe enrich --json | jq '.mappings[].report.lastResult'",
      says: 'whether the last call went well',
    },
  ])
}
