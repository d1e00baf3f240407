// The types of columns that a delivery may name, and nothing else that SQL knows: a type comes from a user and goes into a statement, so
// it is parsed, and written anew. Pure.

/** A parsed type: its text as a statement has it, and whether it holds no others. */
export interface ColumnType {
  readonly sql: string
  /** Without fields and keys: `BIGINT`, `VARCHAR[]`. */
  readonly isPlain: boolean
}

/** Types within one another at most. */
const TYPE_DEPTH_MAX = 20

const scalars = new Set([
  'BOOLEAN',
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL',
  'VARCHAR',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMPTZ',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
  'TIMESTAMP_NS',
  'UUID',
  'JSON',
  'BLOB',
])

/** Other names of types, of DuckDB and of Hive. */
const aliases: Readonly<Record<string, string>> = {
  BOOL: 'BOOLEAN',
  INT1: 'TINYINT',
  INT2: 'SMALLINT',
  SHORT: 'SMALLINT',
  INT: 'INTEGER',
  INT4: 'INTEGER',
  SIGNED: 'INTEGER',
  LONG: 'BIGINT',
  INT8: 'BIGINT',
  REAL: 'FLOAT',
  FLOAT4: 'FLOAT',
  FLOAT8: 'DOUBLE',
  NUMERIC: 'DECIMAL',
  TEXT: 'VARCHAR',
  STRING: 'VARCHAR',
  CHAR: 'VARCHAR',
  DATETIME: 'TIMESTAMP',
  BYTEA: 'BLOB',
  BINARY: 'BLOB',
}

/** Returns the type that a text says. Throws a `TypeError` that says what is wrong, and where. */
export function columnType(text: string): ColumnType {
  const reading = new TypeReading(text)
  const type = reading.type(0)
  reading.end()
  return type
}

/** Writes a name as SQL does. */
export const quotedName = (name: string) => `"${name.replaceAll('"', '""')}"`

class TypeReading {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  type(depth: number): ColumnType {
    if (depth > TYPE_DEPTH_MAX) throw this.#fault(`types are nested deeper than ${TYPE_DEPTH_MAX}`)
    let type = this.#unlisted(depth)
    for (
      let length = this.#take(/\[\s*(\d{0,5})\s*\]/y);
      length !== undefined;
      length = this.#take(/\[\s*(\d{0,5})\s*\]/y)
    ) {
      type = { sql: `${type.sql}[${length[1]}]`, isPlain: type.isPlain }
    }
    return type
  }

  end(): void {
    this.#take(/\s*/y)
    if (this.#at < this.#text.length) throw this.#fault('the type has ended')
  }

  #unlisted(depth: number): ColumnType {
    const word = this.#take(/\w+/y)?.[0]
    if (word === undefined) throw this.#fault('a type is expected')
    const name = word.toUpperCase()
    if (name === 'STRUCT' || name === 'ROW') return this.#struct(depth)
    if (name === 'MAP') return this.#map(depth)
    const scalar = aliases[name] ?? name
    if (!scalars.has(scalar)) throw this.#fault(`${word} is no type of a column`, word.length)
    if (scalar === 'DECIMAL') return this.#decimal()
    if (scalar === 'TIMESTAMP' && this.#take(/WITH\s+TIME\s+ZONE\b/iy))
      return { sql: 'TIMESTAMPTZ', isPlain: true }
    if (scalar === 'VARCHAR') this.#take(/\(\s*\d+\s*\)/y)
    return { sql: scalar, isPlain: true }
  }

  #decimal(): ColumnType {
    const digits = this.#take(/\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?\)/y)
    const [width, scale] = [Number(digits?.[1] ?? 18), Number(digits?.[2] ?? (digits === undefined ? 3 : 0))]
    if (width < 1 || width > 38 || scale > width)
      throw this.#fault('a DECIMAL has 1 to 38 digits, and no more behind the point')
    return { sql: `DECIMAL(${width},${scale})`, isPlain: true }
  }

  #struct(depth: number): ColumnType {
    this.#expect('(')
    const fields: string[] = []
    do {
      const name = this.#take(/"((?:[^"]|"")+)"|(\w+)/y)
      if (name === undefined) throw this.#fault('the name of a field is expected')
      fields.push(`${quotedName(name[1]?.replaceAll('""', '"') ?? name[2]!)} ${this.type(depth + 1).sql}`)
    } while (this.#take(/,/y))
    this.#expect(')')
    return { sql: `STRUCT(${fields.join(', ')})`, isPlain: false }
  }

  #map(depth: number): ColumnType {
    this.#expect('(')
    const key = this.type(depth + 1)
    this.#expect(',')
    const value = this.type(depth + 1)
    this.#expect(')')
    return { sql: `MAP(${key.sql}, ${value.sql})`, isPlain: false }
  }

  #expect(mark: string): void {
    if (this.#take(mark === '(' ? /\(/y : mark === ')' ? /\)/y : /,/y) === undefined)
      throw this.#fault(`"${mark}" is expected`)
  }

  /** Moves past white space and what matches; stays where nothing does. */
  #take(pattern: RegExp): RegExpExecArray | undefined {
    const blank = /\s*/y
    blank.lastIndex = this.#at
    blank.exec(this.#text)
    pattern.lastIndex = blank.lastIndex
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }

  #fault(reason: string, before = 0): TypeError {
    return new TypeError(`${reason} (character ${this.#at - before + 1} of ${JSON.stringify(this.#text)})`)
  }
}
