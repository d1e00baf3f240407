// Runs a question of the table as the planner's SQL says: over all rows at once, or in steps, whatever these are.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineSession } from '../../../src/engine/index.ts'
import type { PlannedInput, QueryPlan } from '../../../src/plan/query-plan.ts'
import type { RowColumn } from '../../../src/rows/index.ts'
import { quotedName, quotedText } from '../../../src/rows/sql-text.ts'
import type { Planner } from '../../plan/planner.ts'
import type { CaseRecord, CaseValue, DialectCase } from './case.ts'

/** Columns that every record has, but for those that no question reads. */
const recordColumns = {
  arrival_time: 'TIMESTAMP',
  partition_key: 'VARCHAR',
  shard_id: 'VARCHAR',
  sequence_number: 'BIGINT',
} as const

/** How input comes in: watermarks in microseconds, how far rows come ahead of them, and the order in which rows come. */
export interface Steps {
  readonly watermarks: readonly number[]
  readonly ahead: number
  readonly order: readonly number[]
}

export type Results = Readonly<Record<string, readonly CaseRecord[]>>

export class CaseRun implements AsyncDisposable {
  readonly plan: QueryPlan
  readonly #session: EngineSession
  readonly #case: DialectCase
  readonly #directory: string

  private constructor(session: EngineSession, plan: QueryPlan, one: DialectCase, directory: string) {
    this.#session = session
    this.plan = plan
    this.#case = one
    this.#directory = directory
  }

  /** Plans a question, and puts its records and files in place. */
  static async open({ session, plan }: Planner, one: DialectCase): Promise<CaseRun> {
    const directory = await mkdtemp(join(tmpdir(), 'analytics-dialect-'))
    for (const [name, text] of Object.entries(one.files ?? {})) await writeFile(join(directory, name), text)
    const columnsOf = (stream: string) => {
      const own = one.streams[stream]?.columns
      return own && [...Object.keys(own), ...Object.keys(recordColumns)]
    }
    const planned = await plan(one.sql.replaceAll('{files}', directory), { columnsOf })
    const run = new CaseRun(session, planned, one, directory)
    for (const input of planned.inputs) await run.#stage(input)
    return run
  }

  /** Types of the columns of a stream. */
  columnsOf(stream: string): readonly RowColumn[] {
    const types = { ...this.#case.streams[stream]!.columns, ...recordColumns }
    return Object.entries(types).map(([name, type]) => ({ name, type }))
  }

  /** Moments of all inputs, in microseconds. */
  async moments(): Promise<readonly number[]> {
    const found: number[] = []
    for (const input of this.plan.inputs) {
      if (input.time === undefined) continue
      const rows = await this.#session.rows(
        `SELECT DISTINCT epoch_us(millrace_time) AS at FROM ${staged(input)}`,
      )
      found.push(...rows.map(({ at }) => Number(at)))
    }
    return [...new Set(found)].sort((a, b) => a - b)
  }

  /** Gives the results of all rows, or of those that a condition leaves of each stream. */
  async atOnce(conditionOf: (stream: string) => string = () => 'true'): Promise<Results> {
    for (const input of this.plan.inputs) {
      await this.#session.run(`DELETE FROM ${input.held}`)
      await this.#session.run(
        `INSERT INTO ${input.held} FROM ${staged(input)} WHERE ${conditionOf(input.stream)}`,
      )
    }
    return this.#results(({ batchSql }) => batchSql)
  }

  async inSteps({ watermarks, ahead, order }: Steps): Promise<Results> {
    for (const { held } of this.plan.inputs) await this.#session.run(`DELETE FROM ${held}`)
    const results: Record<string, CaseRecord[]> = {}
    const came = `list_position([${order.join(', ')}]::BIGINT[], (sequence_number % ${order.length})::BIGINT)`
    let had = `TIMESTAMP '-infinity'`
    await this.#session.run(`SET VARIABLE millrace_after = TIMESTAMP '-infinity'`)
    for (const [step, until] of watermarks.entries()) {
      await this.#session.run(`SET VARIABLE millrace_until = make_timestamp(${until})`)
      const isLast = step === watermarks.length - 1
      for (const input of this.plan.inputs) {
        const { held, time } = input
        const here =
          time === undefined
            ? `(sequence_number % ${watermarks.length}) = ${step}`
            : `millrace_time >= ${had} AND (${isLast} OR millrace_time < make_timestamp(${until + ahead}))`
        if (time === undefined) await this.#session.run(`DELETE FROM ${held}`)
        await this.#session.run(
          `INSERT INTO ${held} FROM ${staged(input)} WHERE ${here} ORDER BY ${came}, sequence_number`,
        )
      }
      had = `make_timestamp(${until + ahead})`
      for (const [target, found] of Object.entries(await this.#results(({ sql }) => sql)))
        (results[target] ??= []).push(...found)
      for (const { held, needed } of this.plan.inputs)
        if (needed !== undefined)
          await this.#session.run(`DELETE FROM ${held} WHERE NOT coalesce(${needed}, false)`)
      await this.#session.run(`SET VARIABLE millrace_after = make_timestamp(${until})`)
    }
    return results
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true })
  }

  async #results(sqlOf: (statement: QueryPlan['statements'][number]) => string): Promise<Results> {
    const results: Record<string, CaseRecord[]> = {}
    for (const statement of this.plan.statements) {
      const rows = (await this.#session.rows(sqlOf(statement))) as readonly CaseRecord[]
      ;(results[statement.target!] ??= []).push(...rows)
    }
    return results
  }

  async #stage(input: PlannedInput): Promise<void> {
    const { columns, records } = this.#case.streams[input.stream]!
    const types: Readonly<Record<string, string>> = { ...columns, ...recordColumns }
    const rows = records.map((record, at) => {
      const own = {
        partition_key: 'k',
        shard_id: 'shardId-000000000000',
        arrival_time: '2020-04-15',
        ...record,
      }
      const values: CaseRecord = { ...own, sequence_number: at }
      return `(${Object.entries(types).map(([name, type]) => `${literal(values[name] ?? null)}::${type}`)})`
    })
    const names = Object.keys(types).map(quotedName)
    const time = input.time === undefined ? '' : `, (${input.time})::TIMESTAMP AS millrace_time`
    await this.#session.run(
      `CREATE OR REPLACE TEMP TABLE ${staged(input)} AS SELECT *${time} FROM (VALUES ${rows.join(', ')}) t(${names.join(', ')})`,
    )
    await this.#session.run(`CREATE OR REPLACE TEMP TABLE ${input.held} AS FROM ${staged(input)} LIMIT 0`)
    const read = input.columns === 'all' ? names : input.columns.map(quotedName)
    const shown = read.length === 0 ? '1 AS millrace_nothing' : read.join(', ')
    await this.#session.run(
      `CREATE OR REPLACE TEMP VIEW ${input.relation} AS SELECT ${shown} FROM ${input.held}`,
    )
  }
}

const staged = ({ held }: PlannedInput) => `${held}_staged`

function literal(value: CaseValue): string {
  return typeof value === 'string' ? quotedText(value) : String(value)
}
