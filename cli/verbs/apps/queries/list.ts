// `millrace query list|describe|explain`: the queries of a broker, how they stand, and why.
import { Command } from 'commander'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../../terminal.ts'
import { columnOption, type Columns } from '../analytics/sql-options.ts'
import { doorOf, loadDefinitions, refusing } from './queries-module.ts'
import { explanationReport, queryReport, queryTable, sqlReport } from './query-report.ts'
import { sqlOf, withSql, type SqlFlags } from './sql-text.ts'

interface Shared extends ConnectionFlags {
  readonly json?: true
}

export function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description(
      'List all queries by name: the streams that they read, state, rate, last result, and why nothing comes out.',
    )
    .addOption(jsonOption())
    .action(async (flags: Shared) => {
      const { describeQueries } = await loadDefinitions()
      const queries = await withClient(terminal, flags, (client) => describeQueries(doorOf(client)))
      if (flags.json === true) return printJson(terminal, queries, { indent: 2 })
      if (queries.length === 0)
        return tell(terminal, 'There is no query yet. Make one by `millrace query create`: see --help.')
      print(terminal, queryTable(queries, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace query list', says: 'a table' },
    { line: "millrace query list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

export function describeVerb(terminal: Terminal): Command {
  const command = new Command('describe')
    .description(
      'Describe a query: its SQL, its settings, the columns that it knows, and what the app says of it.',
    )
    .argument('<query>')
    .addOption(jsonOption())
    .action(async (name: string, flags: Shared) => {
      const { describeQuery } = await loadDefinitions()
      const query = await withClient(terminal, flags, (client) =>
        refusing(() => describeQuery(doorOf(client), name)),
      )
      if (flags.json === true) printJson(terminal, query, { indent: 2 })
      else print(terminal, queryReport(query, { columns: screenColumns(terminal) }))
    })
  return withExamples(withConnection(command), [
    { line: 'millrace query describe views', says: 'for people' },
    { line: "millrace query describe views --json | jq -r '.definition.sql'", says: 'the SQL alone' },
  ])
}

interface ExplainFlags extends Shared, SqlFlags {
  readonly column: Columns
}

export function explainVerb(terminal: Terminal): Command {
  const command = new Command('explain')
    .description(
      'Explain a query: what it reads by which time, what it writes, the watermark and which shard holds it, open windows, rows held, late ' +
        'and refused, and why nothing comes out. With --sql or --file, SQL of which there is no query yet: nothing is made.',
    )
    .argument('[query]')
  withSql(command)
    .addOption(columnOption())
    .addOption(jsonOption())
    .action((name: string | undefined, flags: ExplainFlags) => explain(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace query explain views', says: 'why nothing comes out' },
    { line: 'millrace query explain --file views.sql', says: 'before it is made' },
    {
      line: "millrace query explain views --json | jq '.shards[] | select(.holdsWatermark)'",
      says: 'the shard that the watermark waits for',
    },
  ])
}

async function explain(terminal: Terminal, name: string | undefined, flags: ExplainFlags): Promise<void> {
  const sql = await sqlOf(flags, terminal)
  if ((name === undefined) === (sql === undefined))
    throw new Failure('Name a query, or give SQL by --sql or --file.', 'usage')
  const { explainQuery, explainSql } = await loadDefinitions()
  const room = { columns: screenColumns(terminal) }
  await withClient(terminal, flags, (client) =>
    refusing(async () => {
      if (name === undefined) {
        const explained = await explainSql(client, sql!, { columns: flags.column })
        if (flags.json === true) printJson(terminal, explained, { indent: 2 })
        else print(terminal, sqlReport(explained, room))
        return
      }
      const explained = await explainQuery(doorOf(client), name)
      if (flags.json === true) printJson(terminal, explained, { indent: 2 })
      else print(terminal, explanationReport(explained, room))
    }),
  )
}
