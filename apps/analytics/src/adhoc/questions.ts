// Single questions: SQL over what streams hold now, and over files. Runs wherever there is a client. Streams that a question names are read
// into tables of their own, the columns and the times of arrival alone that it needs; then DuckDB answers it.
import { join } from 'node:path'
import type { Client, Position } from 'millrace'
import { parseShardId } from 'millrace/protocol'
import { Engine, EngineFault, type EngineSession, type EngineStream } from '../engine/index.ts'
import { PlanFault } from '../plan/plan-fault.ts'
import type { PlannedInput, PlannedStatement } from '../plan/query-plan.ts'
import { SqlParser } from '../plan/text/parser.ts'
import { quotedText, RowTable, type RefusedRow, type RowColumn } from '../rows/index.ts'
import { ReferenceFault, References } from '../reference/index.ts'
import { bindFault, columnsRead, planStreams, type StreamsPlan } from '../streams/plan-streams.ts'
import { streamColumns, type GivenColumns } from '../streams/stream-columns.ts'

/** Bytes of records that are loaded together. */
const LOAD_BYTES = 8 * 1024 * 1024

export interface QuestionsOptions {
  readonly client: Client
  /** Bytes of rows in memory; beyond it, they go to the directory. */
  readonly memory: number
  /** Left out: as many as there are cores. */
  readonly threads?: number | undefined
  /** An empty directory for spools. It stays with its owner. */
  readonly directory: string
  /** Milliseconds since 1970; the machine's clock by default. */
  readonly now?: () => number
}

export interface AskOptions {
  /** Types of fields by column, by stream. Of streams that are left out they are found in a sample. */
  readonly columns?: Readonly<Record<string, GivenColumns>>
  readonly signal?: AbortSignal
  /** Records that were read so far, of those that there are; the second may be too large where times of arrival bound the question. */
  readonly onRead?: (records: number, total: number) => void
}

/** What was asked, answered. */
export interface Answer extends EngineStream {
  /** Records that are no rows. */
  readonly refused: number
  /** The first of them, by stream. */
  readonly firstRefused: { readonly stream: string; readonly row: RefusedRow } | undefined
}

/** Formats of files that an answer can be saved as. */
export const savedFormats = ['parquet', 'csv', 'json'] as const

/** Questions to one broker, one at a time. */
export class Questions implements AsyncDisposable {
  readonly #options: QuestionsOptions
  readonly #engine: Engine
  readonly #session: EngineSession
  readonly #parser: SqlParser
  readonly #references: References
  #count = 0
  /** Of the last question. */
  #planned: StreamsPlan | undefined

  private constructor(options: QuestionsOptions, engine: Engine, session: EngineSession) {
    this.#options = options
    this.#engine = engine
    this.#session = session
    this.#parser = new SqlParser(session)
    this.#references = new References({ directory: join(options.directory, 'files') })
  }

  static async open(options: QuestionsOptions): Promise<Questions> {
    const { memory, threads, directory } = options
    const engine = await Engine.open({ memory, threads, spoolDir: join(directory, 'spilled') })
    return new Questions(options, engine, await engine.session())
  }

  /**
   * Answers a SELECT. Rejects with `PlanFault` for what cannot be asked, with `EngineFault` where DuckDB cannot answer, and as the
   * client does. The rows are to be taken before the next question.
   */
  async ask(sql: string, options: AskOptions = {}): Promise<Answer> {
    return this.#answered(sql, options, async () => {
      const { statement, ...read } = await this.#read(sql, options)
      return { ...(await this.#session.stream(statement.batchSql)), ...read }
    })
  }

  /** Saves the answer as a file, in the place of what it was; returns how many rows it has. Rejects as `ask`. */
  async save(
    sql: string,
    file: { readonly path: string; readonly format: (typeof savedFormats)[number] },
    options: AskOptions = {},
  ): Promise<Pick<Answer, 'refused' | 'firstRefused'> & { readonly rows: number }> {
    return this.#answered(sql, options, async () => {
      const { statement, ...read } = await this.#read(sql, options)
      const [copied] = await this.#session.rows(
        `COPY (${statement.batchSql}) TO ${quotedText(file.path)} (FORMAT ${file.format}${file.format === 'csv' ? ', HEADER' : ''})`,
      )
      return { rows: Number(copied?.['Count'] ?? 0), ...read }
    })
  }

  close(): Promise<void> {
    this.#references.close()
    return this.#engine.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #answered<T>(sql: string, { signal }: AskOptions, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    this.#planned = undefined
    const stop = () => this.#session.interrupt()
    signal?.addEventListener('abort', stop)
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof EngineFault)) throw error
      if (error.code === 'bind' && this.#planned !== undefined)
        throw bindFault(error, { text: sql }, this.#planned)
      throw new EngineFault(error.code, this.#references.named(error.message), { cause: error })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Reads the streams of a question into their tables. */
  async #read(
    sql: string,
    options: AskOptions,
  ): Promise<{ readonly statement: PlannedStatement } & Pick<Answer, 'refused' | 'firstRefused'>> {
    this.#planned = await this.#plan(sql, options)
    const { plan, columns } = this.#planned
    const [statement, ...others] = plan.statements
    if (statement === undefined || others.length > 0)
      throw new PlanFault(sql, 0, 'One question at a time: write a single SELECT.')
    if (statement.target !== undefined) {
      throw new PlanFault(sql, 0, 'A question writes to no stream: write the SELECT alone.')
    }
    await this.#references.load(statement.files, options.signal)
    let refused = 0
    let firstRefused: Answer['firstRefused']
    let before = 0
    for (const input of plan.inputs) {
      const onRefused = (rows: readonly RefusedRow[]): void => {
        refused += rows.length
        const [row] = rows
        if (row !== undefined) firstRefused ??= { stream: input.stream, row }
      }
      const fill = () =>
        this.#fill(input, columns.get(input.stream)!, {
          ...options,
          onRefused,
          onRead: (records, total) => options.onRead?.(before + records, before + total),
        })
      before += await this.#engine.onOneThread(fill)
    }
    return { statement, refused, firstRefused }
  }

  #plan(sql: string, options: AskOptions): Promise<StreamsPlan> {
    const pathOf = (name: string): string => this.#references.pathOf(name)
    return planStreams(sql, { parser: this.#parser, isContinuous: false, pathOf }, (input) =>
      streamColumns({
        client: this.#options.client,
        session: this.#session,
        stream: input.stream,
        from: beginOf(input),
        given: options.columns?.[input.stream],
        path: this.#path('sample'),
        signal: options.signal,
      }),
    )
  }

  /** Reads a stream into its table, to the end that each shard has now. Returns how many records that were. */
  async #fill(
    input: PlannedInput,
    known: readonly RowColumn[],
    options: AskOptions & { readonly onRefused: (rows: readonly RefusedRow[]) => void },
  ): Promise<number> {
    const { client, now = Date.now } = this.#options
    const { signal, onRead, onRefused } = options
    const columns = columnsRead(input, known)
    const { held, relation, time } = input
    const table = await RowTable.create(this.#session, { held, relation, time, columns }, this.#path('rows'))
    const total = await this.#recordsOf(input, signal)
    const until = input.arrival.until
    const reading = client.read(input.stream, {
      from: beginOf(input),
      onTrimmed: 'horizon',
      // A time to come would be waited for.
      ...(until !== undefined && until / 1000 < now() && { until: { atTimestamp: Math.ceil(until / 1000) } }),
      ...(signal !== undefined && { signal }),
    })
    let records = 0
    let loading: Promise<void> = Promise.resolve()
    const load = async (): Promise<void> => {
      const { refused } = await table.loadKept()
      onRefused(refused)
    }
    for await (const batch of reading.batches()) {
      table.addBatch(batch, parseShardId(batch[0]!.shardId))
      records += batch.length
      if (table.waitingBytes < LOAD_BYTES) continue
      await loading
      loading = load()
      // Who waits for it is told; until then it is no failure of nobody.
      loading.catch(() => {})
      onRead?.(records, Math.max(records, total))
    }
    await loading
    await load()
    onRead?.(records, records)
    return records
  }

  /** Records that a reading from there would give, at most. */
  async #recordsOf(input: PlannedInput, signal: AbortSignal | undefined): Promise<number> {
    const { client } = this.#options
    let total = 0
    for await (const { shardId } of client.listShards(input.stream)) {
      const { sequenceNumber, tail } = await client.resolvePosition(input.stream, {
        shard: shardId,
        from: beginOf(input),
        ...(signal !== undefined && { signal }),
      })
      total += tail - sequenceNumber
    }
    return total
  }

  #path(of: string): string {
    return join(this.#options.directory, `${of}-${this.#count++}`)
  }
}

function beginOf({ arrival }: PlannedInput): Position {
  return arrival.from === undefined
    ? 'TRIM_HORIZON'
    : { atTimestamp: Math.max(0, Math.floor(arrival.from / 1000)) }
}

/** Whether an error says what is wrong with the question. */
export function isQuestionFault(error: unknown): error is PlanFault | EngineFault | ReferenceFault {
  return error instanceof PlanFault || error instanceof EngineFault || error instanceof ReferenceFault
}
