// The tables of one query in the engine: its inputs filled, its statements run. Runs in the app, over a session of its own.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StreamRecord } from 'millrace'
import type { QueryDefinition } from 'millrace/protocol'
import { EngineFault, type Engine, type EngineSession } from '../engine/index.ts'
import { planQuery } from '../plan/plan-query.ts'
import type { PlannedInput, PlannedStatement, QueryPlan } from '../plan/query-plan.ts'
import { SqlParser } from '../plan/text/parser.ts'
import { RowTable, type RowColumn } from '../rows/index.ts'
import { columnsRead } from '../streams/plan-streams.ts'
import { withRecordColumns } from '../streams/stream-columns.ts'
import { outputOf } from '../streams/outputs.ts'
import { References, type ReferencesParts } from '../reference/index.ts'
import { HeldInput } from './held-input.ts'
import { changedResults } from './lateness/changed-results.ts'
import type { FailureSink } from './results/failures.ts'
import type { Result } from './results/results.ts'
import { resultsBetween, resultsIn, resultsOfRows, type StatementParts } from './results/statement-results.ts'
import { momentSql, type Boundaries, type TimeSpan } from './time/watermark.ts'

export interface QueryTablesParts {
  readonly engine: Engine
  readonly definition: QueryDefinition
  /** How files from elsewhere are fetched. */
  readonly reference?: ReferencesOptions | undefined
  /** For spools: nobody else uses names in it that begin with `prefix`. */
  readonly directory: string
  readonly prefix: string
  /** Whether rows are not held. */
  readonly isPassing?: boolean
}

/** Returns where the tables of a query are to be. */
export function tablesParts({
  engine,
  definition,
  directory,
  reference,
  name,
}: Omit<QueryTablesParts, 'prefix'> & { readonly name: string }): QueryTablesParts {
  return { engine, definition, directory, reference, prefix: `query-${definition.id}-${name}` }
}

type ReferencesOptions = Omit<ReferencesParts, 'directory'>

export class QueryTables implements Disposable {
  readonly plan: QueryPlan
  readonly inputs: readonly HeldInput[]
  /** Streams that are read, each once. */
  readonly streams: readonly string[]
  readonly #session: EngineSession
  readonly #definition: QueryDefinition
  #since = -Infinity
  readonly #references: References
  readonly #spools: readonly string[]
  /** What has set the watermarks last. */
  #between: string | undefined

  private constructor(
    of: {
      readonly session: EngineSession
      readonly definition: QueryDefinition
      readonly references: References
    },
    plan: QueryPlan,
    { inputs, spools }: { readonly inputs: readonly HeldInput[]; readonly spools: readonly string[] },
  ) {
    this.#session = of.session
    this.#definition = of.definition
    this.#references = of.references
    this.#spools = spools
    this.plan = plan
    this.inputs = inputs
    this.streams = [...new Set(plan.inputs.map(({ stream }) => stream))]
  }

  /** Plans the query and makes its tables, empty. Rejects with `PlanFault` and `EngineFault` where the definition cannot be carried out. */
  static async open(parts: QueryTablesParts): Promise<QueryTables> {
    const { engine, definition, directory, prefix, reference, isPassing = false } = parts
    const session = await engine.session()
    const references = new References({ ...reference, directory: join(directory, `${prefix}-files`) })
    try {
      const columnsOf = (stream: string) => columnsOfStream(definition, stream).map(({ name }) => name)
      const plan = await planQuery(definition.sql, {
        parser: new SqlParser(session),
        isContinuous: true,
        lateness: latenessOf(definition),
        columnsOf,
        pathOf: (name) => references.pathOf(name),
      })
      const inputs: HeldInput[] = []
      const spools = plan.inputs.map((_, at) => join(directory, `${prefix}-${at}`))
      for (const [at, input] of plan.inputs.entries()) {
        const { held, relation, time, stream } = input
        const columns = columnsRead(input, columnsOfStream(definition, stream))
        const shape = { held, relation, time, columns }
        const table = await RowTable.create(session, shape, spools[at]!, {
          isOrdered: true,
        })
        inputs.push(
          new HeldInput(session, {
            input,
            table,
            remembersLate: !isPassing && remembersLate(plan, at),
            isPassing,
          }),
        )
      }
      return new QueryTables({ session, definition, references }, plan, { inputs, spools })
    } catch (error) {
      session.close()
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#session.close()
    this.#references.close()
    for (const spool of this.#spools) rmSync(spool, { force: true })
  }

  get timed(): readonly HeldInput[] {
    return this.inputs.filter(({ isTimed }) => isTimed)
  }

  /** Rows that are held. */
  get count(): number {
    return this.inputs.reduce((sum, { count }) => sum + count, 0)
  }

  get waitingBytes(): number {
    return this.inputs.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0)
  }

  /** Boundaries at one of which each result comes; undefined where results come at any time. */
  get boundaries(): readonly Boundaries[] | undefined {
    const timed = this.plan.statements.filter(({ kind }) => kind !== 'rows')
    const all = timed.map(boundariesOf)
    return all.includes(undefined) ? undefined : (all as Boundaries[])
  }

  /** Windows of the first statement that hold rows; 0 where they begin at any time. */
  async windowsOpen(): Promise<number> {
    const window = this.plan.statements.find(({ kind }) => kind === 'windows')?.windows[0]
    if (this.boundaries === undefined || window === undefined) return 0
    let most = 0
    for (const held of this.timed) most = Math.max(most, await held.windowsOpen(window))
    return most
  }

  add(stream: string, records: readonly StreamRecord[], shard: number): void {
    for (const held of this.inputs) if (held.input.stream === stream) held.add(records, shard)
  }

  /** Ends what the next takes of all inputs take, at one moment. */
  seal(): void {
    for (const held of this.inputs) held.seal()
  }

  /** Fetches files that the query joins from elsewhere, and follows them. Rejects with `ReferenceFault` where one cannot be had. */
  async loadFiles(signal: AbortSignal): Promise<void> {
    await this.#references.load(
      this.plan.statements.flatMap(({ files }) => files),
      signal,
    )
    this.#references.follow()
  }

  /** Takes copies of such files that have come since. To be called between two steps. */
  turnFiles(): void {
    this.#references.turn()
  }

  /** What cannot be had of them any more, as a sentence. */
  get fileTrouble(): string | undefined {
    return this.#references.trouble
  }

  /** Sets between which watermarks statements run; microseconds, null before the first. */
  async between(after: number | null, until: number | null): Promise<void> {
    const sql = `SET VARIABLE millrace_after = ${momentSql(after)}; SET VARIABLE millrace_until = ${momentSql(until)}`
    if (sql === this.#between) return
    this.#between = undefined
    await this.#session.run(sql)
    this.#between = sql
  }

  /** Sets from which watermark on rows of windows are held for as long as they may come late; microseconds. */
  async heldSince(watermark: number | undefined): Promise<void> {
    const since = watermark ?? -Infinity
    this.#since = since
    await this.#session.run(
      `SET VARIABLE millrace_since = ${momentSql(Number.isFinite(since) ? since : null)}`,
    )
  }

  /** Gives the results of a step in which the watermark goes on, in an order that is always the same. */
  async *results(step: TimeSpan, failures: FailureSink): AsyncGenerator<Result, void, undefined> {
    yield* this.resultsOfRows(failures)
    yield* this.resultsAgain(step.after, failures)
    if (step.until === step.after) return
    await this.between(step.after, step.until)
    yield* this.resultsBetween(step, failures)
  }

  /** Gives results up to a watermark that rows of the last takes have changed, in an order that is always the same. */
  async *resultsAgain(
    watermark: number | null,
    failures: FailureSink,
  ): AsyncGenerator<Result, void, undefined> {
    if (watermark === null || this.inputs.every(({ again }) => again === 0)) return
    const lateness = latenessOf(this.#definition)
    const span = { after: Math.max(watermark - lateness, this.#since), until: watermark }
    await this.between(span.after, span.until)
    const { statements } = this.plan
    const changed = changedResults({ session: this.#session, statements, inputs: this.inputs, lateness })
    for await (const { statement, compute } of changed)
      yield* this.#named(resultsIn(span, this.#partsOf(statement, failures), compute))
  }

  /** Gives the results of statements whose results come of each row alone, in an order that is always the same. */
  async *resultsOfRows(failures: FailureSink): AsyncGenerator<Result, void, undefined> {
    for (const statement of this.plan.statements)
      if (statement.kind === 'rows') yield* this.#named(resultsOfRows(this.#partsOf(statement, failures)))
  }

  /** Gives the results of all other statements that come between two watermarks, which are set, in an order that is always the same. */
  async *resultsBetween(span: TimeSpan, failures: FailureSink): AsyncGenerator<Result, void, undefined> {
    for (const statement of this.plan.statements)
      if (statement.kind !== 'rows')
        yield* this.#named(resultsBetween(span, this.#partsOf(statement, failures)))
  }

  #partsOf(statement: PlannedStatement, failures: FailureSink): StatementParts {
    return {
      session: this.#session,
      statement,
      target: outputOf(this.#definition, statement.target!),
      inputs: statement.inputs.map((at) => this.inputs[at]!),
      boundaries: boundariesOf(statement),
      between: ({ after, until }) => this.between(after, until),
      failures,
    }
  }

  /** Of a file that was fetched, its author knows the address alone. */
  async *#named(results: AsyncGenerator<Result, void, undefined>): AsyncGenerator<Result, void, undefined> {
    try {
      yield* results
    } catch (error) {
      if (!(error instanceof EngineFault)) throw error
      throw new EngineFault(error.code, this.#references.named(error.message), { cause: error })
    }
  }
}

/** Microseconds by which rows may come late and count still. */
function latenessOf({ time }: QueryDefinition): number {
  return (time.latenessMs ?? 0) * 1000
}

function columnsOfStream(definition: QueryDefinition, stream: string): readonly RowColumn[] {
  return withRecordColumns(definition.columns[stream] ?? {})
}

/** Whether rows of an input decide on the windows of others, or pair with them. */
function remembersLate(plan: QueryPlan, input: number): boolean {
  return plan.statements.some(
    ({ inputs, kind, windows }) =>
      inputs.includes(input) &&
      (kind === 'over' ||
        kind === 'join' ||
        windows.some((window) => /^(session|stagger)$/.test(window.kind))),
  )
}

function boundariesOf({ kind, windows }: PlannedStatement): Boundaries | undefined {
  const [window, ...others] = windows
  if (kind !== 'windows' || window === undefined || others.length > 0) return undefined
  if (window.kind === 'session' || window.kind === 'stagger') return undefined
  return { length: window.step ?? window.size, offset: window.offset }
}

/** Whether an input's time is when its records arrived. */
export function isByArrival({ time }: PlannedInput): boolean {
  return time !== undefined && /^"?arrival_time"?$/.test(time)
}
