// What records of a stream are, where somebody says so: documents by the name of the stream. Queries write those of their results; any
// program reads them, and may write its own. Nothing is refused by them: they say what to expect. Types, and the kind of the documents.

export const streamSchemaKind = 'stream-schemas'

/** A field of the JSON objects that records are. */
export interface SchemaColumn {
  readonly name: string
  /** Type of DuckDB as which it is read. */
  readonly type: string
}

export interface StreamSchema {
  /** Of the stream that it is about, and no other of its name. */
  readonly streamId: number
  /** Fields of the objects of all writers; one that is of several types is of type JSON. */
  readonly columns: readonly SchemaColumn[]
  /** The same as a JSON Schema of draft 2020-12. */
  readonly jsonSchema: { readonly [keyword: string]: unknown }
  /** Fields and types of DuckDB of what each writer writes: `query/NAME` of a query, and what a program calls itself. */
  readonly writers: Readonly<Record<string, readonly SchemaColumn[]>>
}
