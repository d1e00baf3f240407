// The one door to DuckDB: one database in memory for a process, which spills to a directory, and sessions over it. A session runs one
// statement at a time.
import { availableParallelism } from 'node:os'
import { DuckDBInstance, type DuckDBConnection, type DuckDBResult } from '@duckdb/node-api'
import { engineFault } from './engine-fault.ts'
import { addFunctions } from './functions.ts'
import { jsonValue, withJsonColumns } from './json-values.ts'

export interface EngineOptions {
  /** Bytes that all sessions together may hold in memory. */
  readonly memory: number
  /** Left out: as many as there are cores. */
  readonly threads?: number | undefined
  /** Where rows go that do not fit into memory. It is made when it is needed. */
  readonly spoolDir: string
}

/** A row of a result: JSON values by column. What JSON has no form for is text: times in ISO 8601, decimals, integers beyond 2^53. */
export type EngineRow = Readonly<Record<string, unknown>>

/** A database. */
export class Engine implements AsyncDisposable {
  readonly #instance: DuckDBInstance
  readonly #threads: number
  readonly #sessions = new Set<EngineSession>()
  #isClosed = false

  private constructor(instance: DuckDBInstance, threads: number) {
    this.#instance = instance
    this.#threads = threads
  }

  /** Opens a database in memory, whose time zone is UTC. It never loads code from elsewhere. */
  static async open({ memory, threads = availableParallelism(), spoolDir }: EngineOptions): Promise<Engine> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${memory}B`,
      temp_directory: spoolDir,
      preserve_insertion_order: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    // Not an option at the start: the extension that knows time zones is loaded by then.
    const connection = await instance.connect()
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`)
    // What is divided by zero is NULL, as in other databases, and no infinity, which JSON has no form for.
    await connection.run('SET GLOBAL ieee_floating_point_ops = false')
    await addFunctions(connection)
    connection.closeSync()
    return new Engine(instance, threads)
  }

  /**
   * Does work on one thread. Of statements that are done within milliseconds, as those that load rows, threads that wait for a part of them
   * take half as much processor time again as those that do them.
   */
  async onOneThread<T>(work: () => Promise<T>): Promise<T> {
    await this.#setThreads(1)
    try {
      return await work()
    } finally {
      await this.#setThreads(this.#threads)
    }
  }

  /** Opens a session. Temporary tables and variables are its own. */
  async session(): Promise<EngineSession> {
    const session = new EngineSession(await this.#instance.connect(), () => this.#sessions.delete(session))
    this.#sessions.add(session)
    return session
  }

  async #setThreads(count: number): Promise<void> {
    if (this.#isClosed) return
    const connection = await this.#instance.connect()
    await connection.run(`SET GLOBAL threads = ${count}`)
    connection.closeSync()
  }

  /** Ends all sessions; statements under way are interrupted. */
  close(): Promise<void> {
    this.#isClosed = true
    for (const session of this.#sessions) session.close()
    this.#instance.closeSync()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A result that is not read yet. */
export interface EngineStream {
  readonly columns: readonly string[]
  /** The rows, some at a time. To be called once. */
  rows(): AsyncGenerator<readonly EngineRow[], void, undefined>
}

async function* rowsOf(result: DuckDBResult): AsyncGenerator<readonly EngineRow[], void, undefined> {
  try {
    for await (const rows of result.yieldConvertedRowObjects(jsonValue)) yield withJsonColumns(result, rows)
  } catch (error) {
    throw engineFault(error)
  }
}

/** A connection to the database. Its methods reject with `EngineFault`. */
export class EngineSession implements Disposable {
  readonly #connection: DuckDBConnection
  readonly #onClosed: () => void
  #isClosed = false

  constructor(connection: DuckDBConnection, onClosed: () => void) {
    this.#connection = connection
    this.#onClosed = onClosed
  }

  /** Runs one statement or several. */
  async run(sql: string): Promise<void> {
    try {
      await this.#connection.run(sql)
    } catch (error) {
      throw engineFault(error)
    }
  }

  /** Returns the rows of a statement. */
  async rows(sql: string): Promise<readonly EngineRow[]> {
    try {
      const read = await this.#connection.runAndReadAll(sql)
      return withJsonColumns(read, read.convertRowObjects(jsonValue))
    } catch (error) {
      throw engineFault(error)
    }
  }

  /** Runs a statement whose rows are taken as they are made: the session does nothing else meanwhile. */
  async stream(sql: string): Promise<EngineStream> {
    try {
      const result = await this.#connection.stream(sql)
      return { columns: result.deduplicatedColumnNames(), rows: () => rowsOf(result) }
    } catch (error) {
      throw engineFault(error)
    }
  }

  /** Runs a statement to its end, and gives its rows then: it fails before the first of them, or not at all. */
  async result(sql: string): Promise<EngineStream> {
    try {
      const result = await this.#connection.run(sql)
      return { columns: result.deduplicatedColumnNames(), rows: () => rowsOf(result) }
    } catch (error) {
      throw engineFault(error)
    }
  }

  /** Ends the statement under way: it rejects with the code `interrupted`. */
  interrupt(): void {
    if (!this.#isClosed) this.#connection.interrupt()
  }

  close(): void {
    if (this.#isClosed) return
    this.interrupt()
    this.#isClosed = true
    this.#connection.closeSync()
    this.#onClosed()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
