// `millrace query diff|promote`: the next version of a query that is tried beside it, compared with it, and put in its place.
import { Command } from 'commander'
import { wholeNumber } from '../../../arguments.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { print, printJson, screenColumns, type Terminal } from '../../../terminal.ts'
import { diffText } from './diff-report.ts'
import { doorOf, loadDefinitions, refusing } from './queries-module.ts'

interface DiffFlags extends ConnectionFlags {
  readonly limit: number
  readonly json?: true
}

export function diffVerb(terminal: Terminal): Command {
  const command = new Command('diff')
    .description(
      'Compare what a query and its next version beside it (query replace --beside) have written for the same time: results that only one of ' +
        'them has, and those with other values in the same window and group.',
    )
    .argument('<query>')
    .option('--limit <n>', 'how many differences of each kind are shown', wholeNumber(0), 10)
    .addOption(jsonOption())
    .action(async (name: string, flags: DiffFlags) => {
      const { diffQuery } = await loadDefinitions()
      const diff = await withClient(terminal, flags, (client) =>
        refusing(() => diffQuery(doorOf(client), name, { rows: flags.limit })),
      )
      if (flags.json === true) printJson(terminal, diff, { indent: 2 })
      else print(terminal, diffText(diff, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace query diff views', says: 'a summary, and the first differences' },
    { line: "millrace query diff views --json | jq '.targets[].count'", says: 'the counts alone' },
  ])
}

export function promoteVerb(terminal: Terminal): Command {
  const command = new Command('promote')
    .description(
      'Put the next version of a query, which runs beside it, in its place: it goes on where the query stopped, and writes to its streams, each ' +
        'result once. The query NAME.next and its streams are deleted. If it is interrupted, run it again.',
    )
    .argument('<query>')
    .addOption(jsonOption())
    .action(async (name: string, flags: ConnectionFlags & { readonly json?: true }) => {
      const { promoteQuery } = await loadDefinitions()
      const query = await withClient(terminal, flags, (client) =>
        refusing(() => promoteQuery(doorOf(client), name)),
      )
      if (flags.json === true) printJson(terminal, query, { indent: 2 })
      else print(terminal, `${name} is version ${query.definition.version} now.`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace query promote views', says: 'after query replace views --beside' },
  ])
}
