// Columns of a stream, found in a sample of its payloads by DuckDB's own detection. Runs in the app.
import { rm, writeFile } from 'node:fs/promises'
import type { EngineSession } from '../engine/index.ts'
import { isRecordColumn } from './record-columns.ts'
import type { RowColumn } from './row-table.ts'
import { quotedText } from './sql-text.ts'

/** Returns the columns that the JSON objects among the payloads have; what is none counts for nothing. `path` is for a file, which is deleted. */
export async function foundColumns(
  session: EngineSession,
  payloads: Iterable<Uint8Array>,
  path: string,
): Promise<readonly RowColumn[]> {
  const lines: string[] = []
  const moments = new Moments()
  for (const payload of payloads) {
    const object = objectOf(payload)
    if (object === undefined) continue
    moments.look(object.value)
    lines.push(object.text)
  }
  if (lines.length === 0) return []
  try {
    await writeFile(path, lines.join('\n'))
    const found = await session.rows(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM read_json(${quotedText(path)}, format = 'newline_delimited', records = true, sample_size = -1, maximum_object_size = ${OBJECT_BYTES_MAX}))`,
    )
    return found
      .map(({ name, type }) => ({
        name: String(name),
        type: moments.has(String(name)) ? 'TIMESTAMP' : typeOf(String(type)),
      }))
      .filter(({ name }) => !isRecordColumn(name))
  } finally {
    await rm(path, { force: true })
  }
}

/** What lies in each other is JSON, which every shape of it is. */
function typeOf(type: string): string {
  return /^(STRUCT|MAP)|\[\]$|\[\d+\]$/.test(type) || type === 'NULL' ? 'JSON' : type
}

/** Fields whose values are times in ISO 8601, be it with a fraction or a zone or without: DuckDB's detection wants all in one form. */
class Moments {
  readonly #are = new Map<string, boolean>()

  look(object: object): void {
    for (const [name, value] of Object.entries(object)) {
      if (value === null || this.#are.get(name) === false) continue
      this.#are.set(name, typeof value === 'string' && iso.test(value))
    }
  }

  has(name: string): boolean {
    return this.#are.get(name) === true
  }
}

const iso = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?$/

function objectOf(payload: Uint8Array): { readonly text: string; readonly value: object } | undefined {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    if (Object.keys(value).length === 0) return undefined
    return { text: text.replaceAll(/[\r\n]/g, ' '), value }
  } catch {
    return undefined
  }
}

const OBJECT_BYTES_MAX = 32 * 1024 * 1024
