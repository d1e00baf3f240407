// `millrace sql`: questions over what streams hold, in SQL.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import type { Client } from '../../../client/index.ts'
import { size, wholeNumber } from '../../arguments.ts'
import { withClient } from '../../connecting/connection.ts'
import { processSurroundings } from '../../connecting/surroundings.ts'
import { withConnection, type ConnectionFlags } from '../../connecting/options.ts'
import { Failure, reportFailure } from '../../failure.ts'
import { withExamples } from '../../help.ts'
import { countOf } from '../../output/amounts.ts'
import { outputStream } from '../../output/output-stream.ts'
import { startProgress } from '../../output/progress.ts'
import { print, screenColumns, tell, type Terminal } from '../../terminal.ts'
import {
  asQuestionFailure,
  loadAdhoc,
  type AdhocModule,
  type AnswerRow,
  type Questions,
  type Refusals,
} from './analytics/analytics-module.ts'
import {
  answerFormats,
  answerTable,
  csvLine,
  TABLE_ROWS_MAX,
  type AnswerFormat,
} from './analytics/answer-format.ts'
import { historyPath, prompt } from './analytics/prompt.ts'
import { columnOption, type Columns } from './analytics/sql-options.ts'

interface SqlFlags extends ConnectionFlags {
  readonly format?: AnswerFormat
  readonly output?: string
  readonly column: Columns
  readonly memory: number
  readonly threads?: number
  readonly quiet?: true
}

export function sqlVerb(terminal: Terminal): Command {
  const command = new Command('sql')
    .description(
      'Ask a question over what streams hold now, in the SQL of DuckDB. A stream is a table: the fields of its JSON, and partition_key, ' +
        'sequence_number, shard_id, arrival_time, headers and data. A condition on arrival_time bounds what is read. Files are tables ' +
        "too: FROM 'users.csv'. Without a question, it is read from standard input; on a terminal, questions are asked at a prompt.",
    )
    .argument('[question]')
    .addOption(
      new Option(
        '--format <format>',
        'table: for people, the default; json: one object a line; csv; parquet: with --output',
      ).choices(answerFormats),
    )
    .option('--output <file>', 'write the answer to this file, in Parquet, CSV or JSON by its ending')
    .addOption(columnOption())
    .option('--memory <size>', 'rows in memory; beyond it, they go to disk', size, 1024 ** 3)
    .option('--threads <n>', 'threads that work on the answer; by default one for each core', wholeNumber(1))
    .option('--quiet', 'show no progress')
    .action((question: string | undefined, flags: SqlFlags) => sql(question, flags, terminal))
  return withExamples(withConnection(command), [
    {
      line: `millrace sql "SELECT page, count(*) AS views FROM clicks GROUP BY page ORDER BY views DESC LIMIT 5"`,
      says: 'a table',
    },
    {
      line: `millrace sql "SELECT * FROM clicks WHERE arrival_time > now() - INTERVAL 1 HOUR" --output hour.parquet`,
      says: 'a file; only the last hour is read',
    },
    {
      line: `millrace sql "SELECT c.page, u.country FROM clicks c JOIN 'users.csv' u ON u.id = c.user" --format json`,
      says: 'with a file',
    },
    { line: 'millrace sql', says: 'a prompt' },
  ])
}

async function sql(question: string | undefined, flags: SqlFlags, terminal: Terminal): Promise<void> {
  if (flags.format === 'parquet' && flags.output === undefined)
    throw new Failure('Parquet goes to a file: say which by --output.', 'usage')
  const adhoc = await loadAdhoc()
  const asked = question ?? (terminal.stdin.isTTY === true ? undefined : await text(terminal.stdin))
  if (asked !== undefined && asked.trim() === '') throw new Failure('There is no question.', 'usage')
  await withClient(
    terminal,
    flags,
    (client) =>
      withQuestions(client, adhoc, flags, (questions) => ask({ questions, adhoc, flags, terminal }, asked)),
    { tellsTroubles: true },
  )
}

/** Gives questions a directory of their own for as long as they are asked. */
async function withQuestions(
  client: Client,
  { Questions: { open } }: AdhocModule,
  { memory, threads }: SqlFlags,
  use: (questions: Questions) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sql-'))
  try {
    const questions = await open({ client, memory, threads, directory })
    try {
      await use(questions)
    } finally {
      await questions.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Asking {
  readonly questions: Questions
  readonly adhoc: AdhocModule
  readonly flags: SqlFlags
  readonly terminal: Terminal
}

async function ask(asking: Asking, question: string | undefined): Promise<void> {
  const { terminal, adhoc } = asking
  if (question !== undefined) {
    const signal = AbortSignal.any([terminal.interrupted(), terminal.outputClosed])
    return answer(asking, question, signal).catch((error: unknown) => {
      throw asQuestionFailure(error, adhoc)
    })
  }
  await prompt(terminal, historyPath(processSurroundings()), async (each, signal) => {
    try {
      await answer(asking, each, signal)
    } catch (error) {
      tell(
        terminal,
        signal.aborted ? 'Ended.' : reportFailure(asQuestionFailure(error, adhoc), undefined).message,
      )
    }
  })
}

async function answer(asking: Asking, question: string, signal: AbortSignal): Promise<void> {
  const { questions, flags, terminal } = asking
  const { format = 'table', output, column, quiet } = flags
  const progress = startProgress(terminal, { verb: 'Reading', total: undefined, quiet: quiet === true })
  const options = {
    signal,
    ...(Object.keys(column).length > 0 && { columns: column }),
    onRead: (records: number, total: number) =>
      progress.update(records, `${countOf(records, 'record')} of ${countOf(total, 'record')}`),
  }
  try {
    if (output !== undefined) {
      const saved = await questions.save(
        question,
        { path: resolve(output), format: fileFormat(flags) },
        options,
      )
      progress.stop()
      tellRefusals(terminal, saved)
      return tell(terminal, `${countOf(saved.rows, 'row')} in ${output}.`)
    }
    const answered = await questions.ask(question, options)
    progress.stop()
    await write(answered, format, terminal, signal)
    tellRefusals(terminal, answered)
  } finally {
    progress.stop()
  }
}

async function write(
  { columns, rows }: Awaited<ReturnType<Questions['ask']>>,
  format: AnswerFormat,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (format === 'table') {
    const shown: AnswerRow[] = []
    let count = 0
    for await (const some of rows()) {
      count += some.length
      if (shown.length < TABLE_ROWS_MAX) shown.push(...some.slice(0, TABLE_ROWS_MAX - shown.length))
    }
    print(terminal, answerTable(columns, shown, { columns: screenColumns(terminal) }))
    if (count > shown.length)
      tell(terminal, `These are ${shown.length} of ${count} rows: --format json or csv gives all of them.`)
    return
  }
  const out = outputStream(terminal, signal)
  if (format === 'csv') await out.write(Buffer.from(csvLine(columns)))
  for await (const some of rows()) {
    for (const row of some) {
      const line =
        format === 'csv' ? csvLine(columns.map((column) => row[column])) : `${JSON.stringify(row)}\n`
      await out.write(Buffer.from(line))
    }
  }
  await out.flush()
}

function tellRefusals(terminal: Terminal, { refused, firstRefused }: Refusals): void {
  if (firstRefused === undefined) return
  const { stream, row } = firstRefused
  tell(
    terminal,
    `${countOf(refused, 'record')} ${refused === 1 ? 'is no row' : 'are no rows'}; the first is record ${row.sequenceNumber} of shard ${row.shard} of ${stream}: ${row.reason}`,
  )
}

function fileFormat({ format, output = '' }: SqlFlags): 'parquet' | 'csv' | 'json' {
  if (format !== undefined && format !== 'table') return format
  if (output.endsWith('.parquet')) return 'parquet'
  if (output.endsWith('.csv')) return 'csv'
  if (/\.(nd)?json(l)?$/.test(output)) return 'json'
  throw new Failure(`${output} has no ending that says its format: say it by --format.`, 'usage')
}
