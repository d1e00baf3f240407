// What records of streams are, where somebody says so: documents of the broker, written for results of queries, and by whoever else writes to a
// stream. Runs wherever there is a client. Who may not read or write them goes without.
import { MillraceError, type Client, type Documents } from 'millrace'
import { streamSchemaKind, type SchemaColumn, type StreamSchema } from 'millrace/protocol'
import { isRecordColumn } from '../../rows/index.ts'
import { dataType, typeAsRead, typeText } from './data-type.ts'
import { objectSchema, type SchemaField } from './json-schema.ts'

/** What one writer writes to a stream. */
export interface WrittenColumns {
  /** What it calls itself; queries are `query/NAME`. */
  readonly writer: string
  /** Fields with their types of DuckDB; none: it writes no more. */
  readonly columns: readonly SchemaColumn[]
}

/** Returns what records of a stream are; undefined where nobody says so. Rejects with `streamNotFound`. */
export async function streamSchema(client: Client, stream: string): Promise<StreamSchema | undefined> {
  const { id } = await client.describeStream(stream)
  const found = soundSchema((await schemasOf(client).get(stream))?.value)
  return found?.streamId === id ? found : undefined
}

/** Says what a writer writes to a stream, beside others. Rejects with `streamNotFound`. */
export async function setStreamSchema(
  client: Client,
  stream: string,
  written: WrittenColumns,
): Promise<void> {
  const { id } = await client.describeStream(stream)
  const schemas = schemasOf(client)
  for (;;) {
    const before = await schemas.get(stream)
    const known = soundSchema(before?.value)
    const others = known?.streamId === id ? known.writers : {}
    const { [written.writer]: _, ...rest } = others
    const writers = written.columns.length === 0 ? rest : { ...others, [written.writer]: written.columns }
    const expectedVersion = before?.version ?? 0
    try {
      if (Object.keys(writers).length === 0) {
        if (before !== undefined) await schemas.delete(stream, { expectedVersion })
      } else {
        const schema = { streamId: id, ...schemaOf(Object.values(writers)), writers }
        await schemas.put(stream, schema, { expectedVersion })
      }
      return
    } catch (error) {
      // Another writer has said something at the same time.
      if (!MillraceError.is(error, 'versionConflict')) throw error
    }
  }
}

/** Returns the fields that are read of a stream, with their types of DuckDB; undefined where nobody says so, or who asks may not know. */
export async function registeredColumns(
  client: Client,
  stream: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  const schema = await allowed(() => streamSchema(client, stream))
  const read = schema?.columns.filter(({ name }) => !isRecordColumn(name)) ?? []
  // Whoever wrote a type: what is read of it is one.
  return read.length === 0
    ? undefined
    : Object.fromEntries(read.map(({ name, type }) => [name, typeText(dataType(type))]))
}

/** Writes what a query gives, and takes back what it said of streams to which it does not write any more. */
export async function keepSchemas(
  client: Client,
  query: string,
  results: readonly { readonly target: string; readonly columns: readonly SchemaColumn[] }[],
): Promise<void> {
  const own = `query/${query}`
  const said = new Map<string, Set<string>>()
  await allowed(async () => {
    for (const { target, columns } of results) {
      const writers = said.get(target) ?? new Set()
      said.set(target, writers)
      // Several of its statements may write to one stream.
      const writer = writers.size === 0 ? own : `${own}/${writers.size + 1}`
      writers.add(writer)
      await setStreamSchema(client, target, {
        writer,
        columns: columns.filter(({ name }) => name !== 'partition_key'),
      })
    }
    for await (const { name: stream, value } of schemasOf(client).list()) {
      for (const writer of Object.keys(soundSchema(value)?.writers ?? {}))
        if ((writer === own || writer.startsWith(`${own}/`)) && said.get(stream)?.has(writer) !== true)
          await withdraw(client, stream, writer)
    }
  })
}

async function withdraw(client: Client, stream: string, writer: string): Promise<void> {
  try {
    await setStreamSchema(client, stream, { writer, columns: [] })
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
    await schemasOf(client).delete(stream)
  }
}

/** Anybody may write such documents: one that is no schema counts as none. */
function soundSchema(value: StreamSchema | undefined): StreamSchema | undefined {
  const { columns, writers } = (value ?? {}) as Partial<StreamSchema>
  const areColumns = (list: unknown): boolean =>
    Array.isArray(list) &&
    list.every(
      (each: Partial<SchemaColumn> | null) => typeof each?.name === 'string' && typeof each.type === 'string',
    )
  const isSound =
    areColumns(columns) &&
    typeof writers === 'object' &&
    writers !== null &&
    Object.values(writers).every(areColumns)
  return isSound ? value : undefined
}

function schemasOf(client: Client): Documents<StreamSchema> {
  return client.documents<StreamSchema>(streamSchemaKind)
}

/** Returns undefined where it is not allowed. */
async function allowed<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (MillraceError.is(error, 'permissionDenied')) return undefined
    throw error
  }
}

/** Puts what all writers write together. */
function schemaOf(all: readonly (readonly SchemaColumn[])[]): Pick<StreamSchema, 'columns' | 'jsonSchema'> {
  const fields = new Map<string, { readonly types: Set<string>; count: number }>()
  for (const { name, type } of all.flat()) {
    const field = fields.get(name) ?? { types: new Set(), count: 0 }
    fields.set(name, field)
    field.types.add(type)
    field.count++
  }
  const columns = new Map<string, SchemaColumn>()
  for (const [name, { types }] of fields) {
    const read = [...new Set([...types].map((type) => typeText(typeAsRead(dataType(type)))))]
    const before = columns.get(name.toLowerCase())
    const type = read.length === 1 && (before === undefined || before.type === read[0]) ? read[0]! : 'JSON'
    columns.set(name.toLowerCase(), { name: before?.name ?? name, type })
  }
  const named = [...fields].map(([name, { types, count }]): SchemaField => ({
    name,
    types: [...types],
    isOptional: count < all.length,
  }))
  return { columns: [...columns.values()], jsonSchema: objectSchema(named) }
}
