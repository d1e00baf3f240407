// Types of DuckDB, read from their texts and written: what values of them are in JSON, and as which type they are read from it. Pure.

/** A type of DuckDB. */
export type DataType =
  | { readonly kind: 'plain'; readonly name: string }
  | { readonly kind: 'list'; readonly of: DataType; readonly length: number | undefined }
  | { readonly kind: 'struct'; readonly fields: readonly Field[] }
  | { readonly kind: 'map'; readonly key: DataType; readonly value: DataType }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'any' }

export interface Field {
  readonly name: string
  readonly type: DataType
}

const any: DataType = { kind: 'any' }

/** Reads a type as DuckDB writes it, such as `STRUCT(a INTEGER, "the b" VARCHAR[])`. What is no such type may be anything. */
export function dataType(text: string): DataType {
  try {
    return new TypeText(text).whole()
  } catch (error) {
    if (error instanceof NoTypeError) return any
    throw error
  }
}

/** Returns the text of a type: SQL, whoever wrote it. */
export function typeText(type: DataType): string {
  switch (type.kind) {
    case 'plain':
      return type.name
    case 'list':
      return `${typeText(type.of)}[${type.length ?? ''}]`
    case 'struct':
      return `STRUCT(${type.fields.map(({ name, type: own }) => `${quoted(name)} ${typeText(own)}`).join(', ')})`
    case 'map':
      return `MAP(${typeText(type.key)}, ${typeText(type.value)})`
    case 'enum':
      return `ENUM(${type.values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ')})`
    case 'any':
      return 'JSON'
  }
}

/** Returns the type that values have when they are read from the JSON of results: what JSON has no form for is read as what is written for it. */
export function typeAsRead(type: DataType, isWithin = false): DataType {
  switch (type.kind) {
    case 'plain':
      if (/^(BLOB|BIT)$/.test(type.name) || (isWithin && type.name === 'JSON')) return plain('VARCHAR')
      // Moments of fields are read to the microsecond.
      if (type.name === 'TIMESTAMP_NS' && !isWithin) return plain('TIMESTAMP')
      return type.name === 'INTERVAL' ? interval : type
    case 'list':
      return { ...type, of: typeAsRead(type.of, true) }
    case 'struct':
      return {
        ...type,
        fields: type.fields.map(({ name, type: own }) => ({ name, type: typeAsRead(own, true) })),
      }
    case 'map':
      return { kind: 'list', of: entryOf(type), length: undefined }
    case 'enum':
      return type
    case 'any':
      return plain('JSON')
  }
}

const plain = (name: string): DataType => ({ kind: 'plain', name })

const interval: DataType = {
  kind: 'struct',
  fields: [
    { name: 'months', type: plain('INTEGER') },
    { name: 'days', type: plain('INTEGER') },
    { name: 'micros', type: plain('BIGINT') },
  ],
}

function entryOf({ key, value }: DataType & { readonly kind: 'map' }): DataType {
  const fields = [
    { name: 'key', type: typeAsRead(key, true) },
    { name: 'value', type: typeAsRead(value, true) },
  ]
  return { kind: 'struct', fields }
}

class NoTypeError extends Error {
  override readonly name = 'NoTypeError'
}

const plainTypes = new Set([
  ...'BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE'.split(
    ' ',
  ),
  ...'VARCHAR JSON BLOB BIT UUID DATE TIME TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS INTERVAL'.split(
    ' ',
  ),
  'TIME WITH TIME ZONE',
  'TIMESTAMP WITH TIME ZONE',
])

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** A text that is read from left to right. */
class TypeText {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): DataType {
    const type = this.#type()
    if (this.#at < this.#text.length) throw this.#fault()
    return type
  }

  #type(): DataType {
    let type = this.#single()
    for (let list = this.#take(/\[(\d*)\]/y); list !== undefined; list = this.#take(/\[(\d*)\]/y))
      type = { kind: 'list', of: type, length: list[1] === '' ? undefined : Number(list[1]) }
    return type
  }

  #single(): DataType {
    const [name = ''] = this.#take(/[A-Za-z_][\w]*( WITH TIME ZONE)?/y) ?? []
    if (name === '') throw this.#fault()
    switch (name) {
      case 'STRUCT':
        return { kind: 'struct', fields: this.#list(() => this.#field()) }
      case 'UNION':
        this.#list(() => this.#field())
        return any
      case 'MAP': {
        const [key, value] = this.#list(() => this.#type())
        if (key === undefined || value === undefined) throw this.#fault()
        return { kind: 'map', key, value }
      }
      case 'ENUM':
        return { kind: 'enum', values: this.#list(() => this.#between("'")) }
      case 'DECIMAL':
        return plain(name + (this.#take(/\(\d+,\d+\)/y)?.[0] ?? ''))
      default:
        if (!plainTypes.has(name)) throw this.#fault()
        return plain(name)
    }
  }

  #field(): Field {
    const name = this.#text[this.#at] === '"' ? this.#between('"') : this.#take(/[^\s",()]+/y)?.[0]
    if (name === undefined || this.#take(/ +/y) === undefined) throw this.#fault()
    return { name, type: this.#type() }
  }

  #list<T>(one: () => T): readonly T[] {
    const all: T[] = []
    if (this.#take(/\(/y) === undefined) throw this.#fault()
    do all.push(one())
    while (this.#take(/, */y) !== undefined)
    if (this.#take(/\)/y) === undefined) throw this.#fault()
    return all
  }

  /** A name or a text, in which its mark is written twice. */
  #between(mark: string): string {
    const found = this.#take(mark === '"' ? /"((?:[^"]|"")*)"/y : /'((?:[^']|'')*)'/y)
    if (found === undefined) throw this.#fault()
    return found[1]!.replaceAll(mark + mark, mark)
  }

  #take(what: RegExp): RegExpExecArray | undefined {
    what.lastIndex = this.#at
    const found = what.exec(this.#text)
    if (found === null) return undefined
    this.#at = what.lastIndex
    return found
  }

  #fault(): NoTypeError {
    return new NoTypeError(`This is no type of DuckDB, from ${this.#at} on: ${this.#text}`)
  }
}
