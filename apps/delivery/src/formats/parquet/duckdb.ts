// The one door to DuckDB: an optional package, loaded by the first delivery that writes Parquet. One database in memory for the process,
// with little memory and one thread a statement, as several objects may be written at once beside everything else; the order of records
// and the bytes of an object are then always the same.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DeliveryFault } from '../../errors/delivery-fault.ts'

/** Objects that are written at a time. */
const STATEMENTS_MAX = 2

const MEMORY_LIMIT = '512MB'

/** DuckDB does not take the records; a part of them may be taken. */
export class RecordsRefused extends Error {
  override readonly name = 'RecordsRefused'

  /** No record has a field, so that no column is found. */
  get isWithoutFields(): boolean {
    return this.message.includes('expected records')
  }
}

/** Returns why Parquet cannot be written here; undefined where it can. */
export async function parquetRefusal(): Promise<string | undefined> {
  try {
    await import('@duckdb/node-api')
    return undefined
  } catch (error) {
    return `Parquet is written by the optional package @duckdb/node-api, which is not installed: npm install @duckdb/node-api (${(error as Error).message.split('\n')[0]})`
  }
}

/** A connection of its own to the database. Not for several statements at a time. */
export class ParquetWriter {
  readonly #connection: DuckDBConnection

  constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  /**
   * Returns the rows of a statement. Throws `RecordsRefused` where the records that it reads are the reason; a fault where another
   * attempt may succeed.
   */
  async rows(statement: string): Promise<readonly (readonly unknown[])[]> {
    try {
      return (await this.#connection.runAndReadAll(statement)).getRows()
    } catch (error) {
      const message = (error as Error).message
      if (
        /^(Invalid Input|Conversion|Out of Range) Error|^Binder Error: json_read expected records/.test(
          message,
        )
      ) {
        throw new RecordsRefused(message, { cause: error })
      }
      throw new DeliveryFault(/No space left/i.test(message) ? 'full' : 'refused', hinted(message), {
        retry: true,
        cause: error,
      })
    }
  }

  interrupt(): void {
    this.#connection.interrupt()
  }

  close(): void {
    this.#connection.closeSync()
  }
}

function hinted(message: string): string {
  const [first] = message.split('\n')
  const isShort = message.startsWith('Out of Memory')
  return `DuckDB has not written Parquet: ${first}${isShort ? ' Records with very many fields need a schema: give the delivery its columns, or a smaller buffer.' : ''}`
}

let database: Promise<DuckDBInstance> | undefined
let free = STATEMENTS_MAX
const waiting: (() => void)[] = []

/** Gives a writer, when it is its turn. */
export async function withParquetWriter<T>(
  work: (writer: ParquetWriter) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  if (free > 0) free--
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    signal.throwIfAborted()
    const writer = new ParquetWriter(await (await openDatabase()).connect())
    const stop = () => writer.interrupt()
    signal.addEventListener('abort', stop)
    try {
      return await work(writer)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
      writer.close()
    }
  } finally {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
}

async function openDatabase(): Promise<DuckDBInstance> {
  const refusal = await parquetRefusal()
  if (refusal !== undefined) throw new DeliveryFault('refused', refusal, { retry: true })
  const opened = (database ??= started())
  opened.catch(() => {
    if (database === opened) database = undefined
  })
  return opened
}

async function started(): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  return DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY_LIMIT,
    temp_directory: join(tmpdir(), `millrace-delivery-${process.pid}`),
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
}
