// `millrace query create|replace`: makes queries, and gives them other SQL. What is wrong is said before anything is written.
import { Command } from 'commander'
import type { QueryStart } from '../../../../protocol/apps/query-definition.ts'
import { duration, wholeNumber } from '../../../arguments.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { parseGroupStart } from '../../../positions.ts'
import { print, printJson, type Terminal } from '../../../terminal.ts'
import { columnOption, type Columns } from '../analytics/sql-options.ts'
import { doorOf, loadDefinitions, refusing, type MadeQuery, type QueryInput } from './queries-module.ts'
import { madeText } from './query-report.ts'
import { sqlOf, withSql, type SqlFlags } from './sql-text.ts'

interface MakeFlags extends SqlFlags, ConnectionFlags {
  readonly from?: string
  readonly outOfOrder?: number
  readonly idle?: number
  readonly lateness?: number
  readonly lateTo?: string
  readonly errorsTo?: string
  readonly column: Columns
  readonly description?: string
  readonly parts?: number
  readonly json?: true
}

interface ReplaceFlags extends Omit<MakeFlags, 'lateTo' | 'errorsTo'> {
  readonly beside?: true
  readonly lateTo?: string | false
  readonly errorsTo?: string | false
}

const views =
  `"INSERT INTO views_per_minute SELECT window_start, page, count(*) AS views FROM ` +
  `TUMBLE(TABLE clicks, DESCRIPTOR(arrival_time), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page"`

export function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description(
      'Make a query: SQL over streams that is answered for ever, into streams. Those that it writes to are made where they are missing. The app ' +
        'analytics carries it out: `millrace serve --with analytics`, or `millrace query serve`.',
    )
    .argument('<name>', '1 to 64 letters, digits, _, . and -')
  withSql(command).option(
    '--from <position>',
    'where it begins: TRIM_HORIZON, LATEST, a time, or how long ago (TRIM_HORIZON)',
  )
  withSettings(command).action(async (name: string, flags: MakeFlags) => {
    const sql = await sqlOf(flags, terminal)
    if (sql === undefined) throw new Failure('There is no SQL: give it by --sql or --file.', 'usage')
    const input = { ...settingsOf(flags), sql }
    const { createQuery } = await loadDefinitions()
    const made = await withClient(terminal, flags, (client) =>
      refusing(() => createQuery(doorOf(client), name, input)),
    )
    show(terminal, flags, made)
  })
  return withExamples(withConnection(command), [
    { line: `millrace query create views --sql ${views}`, says: 'views of each page, each minute' },
    {
      line: 'millrace query create views --file views.sql --from 1h --late-to late_clicks --errors-to bad_clicks',
      says: 'from an hour ago; rows that are late or cannot be taken go to streams of their own',
    },
    {
      line: 'millrace query create views --file views.sql --lateness 1h',
      says: 'rows that are up to an hour late change the results of their windows, which are then written again',
    },
    {
      line: 'millrace query create costly --file costly.sql --column orders.price=DOUBLE --column orders.bought=TIMESTAMP',
      says: 'over a stream that has no records yet',
    },
    {
      line: 'millrace query create views --file views.sql --parts 4',
      says: 'carried out by up to four processes at a time',
    },
  ])
}

export function replaceVerb(terminal: Terminal): Command {
  const command = new Command('replace')
    .description(
      'Replace a query by its next version, with other SQL or settings; what is left out stays. It goes on where the version before it ' +
        'stopped, or with --from begins anew at a time. With --beside the next version runs beside it, as the query NAME.next that writes to ' +
        'streams TARGET.next, and begins where the query stands: see `query diff` and `query promote`.',
    )
    .argument('<query>')
  withSql(command).option(
    '--from <position>',
    'begins anew there: TRIM_HORIZON, LATEST, a time, or how long ago',
  )
  command.option(
    '--beside',
    'the query goes on; the next version runs beside it until it is promoted or deleted',
  )
  withSettings(command)
    .option('--no-late-to', 'late rows are counted again, and go nowhere')
    .option('--no-errors-to', 'rows that cannot be taken are counted again, and go nowhere')
    .action((name: string, flags: ReplaceFlags) => replace(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace query replace views --file views.sql', says: 'from where it stopped' },
    {
      line: 'millrace query replace views --from 2026-05-01T12:00:00Z',
      says: 'the same SQL again; its results are written once more',
    },
    {
      line: 'millrace query replace views --file views.sql --beside',
      says: 'as views.next, into views_per_minute.next, until it is promoted',
    },
    { line: 'millrace query replace views --no-late-to', says: 'late rows are counted alone' },
  ])
}

async function replace(terminal: Terminal, name: string, flags: ReplaceFlags): Promise<void> {
  const { lateTo, errorsTo, ...settings } = flags
  const sql = await sqlOf(flags, terminal)
  const changes = {
    ...settingsOf(settings),
    ...(lateTo !== undefined && { lateTo: lateTo === false ? undefined : lateTo }),
    ...(errorsTo !== undefined && { errorsTo: errorsTo === false ? undefined : errorsTo }),
    ...(sql !== undefined && { sql }),
  }
  if (Object.keys(changes).length === 0) throw new Failure('Nothing is given that would change it.', 'usage')
  const { replaceQuery, replaceBeside } = await loadDefinitions()
  const change = flags.beside === true ? replaceBeside : replaceQuery
  const made = await withClient(terminal, flags, (client) =>
    refusing(() => change(doorOf(client), name, changes)),
  )
  show(terminal, flags, made)
}

function withSettings(command: Command): Command {
  return command
    .option(
      '--out-of-order <duration>',
      'how far behind the latest event time of a shard a row may come without being late (5s)',
      duration,
    )
    .option('--idle <duration>', 'a shard without rows for so long is not waited for (30s)', duration)
    .option(
      '--lateness <duration>',
      'how much later a row may come and count still: its windows then give their results again (0s)',
      duration,
    )
    .option('--late-to <stream>', 'where rows go that come too late; left out: they are counted')
    .option(
      '--errors-to <stream>',
      'where rows go that cannot be taken, with the reason; left out: they are counted',
    )
    .addOption(columnOption())
    .option(
      '--parts <n>',
      'in how many parts it is carried out, each by one process at a time: 1 to 64 (1)',
      wholeNumber(1),
    )
    .option('--description <text>', 'what it is for')
    .addOption(jsonOption())
}

function settingsOf({
  from,
  outOfOrder,
  idle,
  lateness,
  lateTo,
  errorsTo,
  column,
  description,
  parts,
}: MakeFlags): Omit<QueryInput, 'sql'> {
  const time = {
    ...(outOfOrder !== undefined && { outOfOrderMs: outOfOrder }),
    ...(idle !== undefined && { idleMs: idle }),
    ...(lateness !== undefined && { latenessMs: lateness }),
  }
  return {
    ...(from !== undefined && { from: startOf(from) }),
    ...(Object.keys(time).length > 0 && { time }),
    ...(Object.keys(column).length > 0 && { columns: column }),
    ...(lateTo !== undefined && { lateTo }),
    ...(errorsTo !== undefined && { errorsTo }),
    ...(description !== undefined && { description }),
    ...(parts !== undefined && { parts }),
  }
}

function startOf(text: string): QueryStart {
  const start = parseGroupStart(text, { option: '--from', now: Date.now() })
  return typeof start === 'string' ? start : { atTimestamp: Number(start.atTimestamp) }
}

function show(terminal: Terminal, { json }: Pick<MakeFlags, 'json'>, made: MadeQuery): void {
  if (json === true) printJson(terminal, made, { indent: 2 })
  else print(terminal, madeText(made))
}
