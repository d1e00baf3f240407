// What results are, as a JSON Schema that any program can read. Pure.
import { dataType, typeAsRead, type DataType } from './data-type.ts'

/** A JSON Schema, of draft 2020-12. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** Fields of an object, with their types of DuckDB; those that are not always there are optional. */
export interface SchemaField {
  readonly name: string
  /** Several where writers differ. */
  readonly types: readonly string[]
  readonly isOptional: boolean
}

/** Returns the schema of objects with these fields. Each may be null. */
export function objectSchema(fields: readonly SchemaField[]): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: Object.fromEntries(
      fields.map(({ name, types }) => {
        const schemas = types.map((type) => schemaOf(dataType(type)))
        return [name, schemas.length === 1 ? schemas[0]! : { anyOf: schemas }]
      }),
    ),
    required: fields.filter(({ isOptional }) => !isOptional).map(({ name }) => name),
  }
}

/** Returns the schema of values of a type as results have them. */
function schemaOf(type: DataType, isWithin = false): JsonSchema {
  switch (type.kind) {
    case 'plain':
      return plainSchema(type, isWithin)
    case 'list': {
      const { length } = type
      const bounds = length === undefined ? {} : { minItems: length, maxItems: length }
      return { type: ['array', 'null'], items: schemaOf(type.of, true), ...bounds }
    }
    case 'struct':
      return {
        type: ['object', 'null'],
        properties: Object.fromEntries(type.fields.map(({ name, type: own }) => [name, schemaOf(own, true)])),
        required: type.fields.map(({ name }) => name),
      }
    case 'map':
      return schemaOf(typeAsRead(type))
    case 'enum':
      return { enum: [...type.values, null] }
    case 'any':
      return {}
  }
}

/** Numbers that a program may not have exactly are texts. */
const exact = { type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$' }

function plainSchema(type: DataType & { readonly kind: 'plain' }, isWithin: boolean): JsonSchema {
  const { name } = type
  if (/^U?(TINYINT|SMALLINT|INTEGER)$/.test(name)) return { type: ['integer', 'null'] }
  if (/^U?(BIGINT|HUGEINT)$/.test(name)) return exact
  if (/^(DOUBLE|FLOAT)$/.test(name))
    return { type: ['number', 'string', 'null'], pattern: '^(-?Infinity|NaN)$' }
  if (name.startsWith('DECIMAL')) return { type: ['string', 'null'], pattern: '^-?[0-9]+(\\.[0-9]+)?$' }
  if (/^TIMESTAMP(_S|_MS|_NS)?$/.test(name)) return { type: ['string', 'null'], format: 'date-time' }
  switch (name) {
    case 'BOOLEAN':
      return { type: ['boolean', 'null'] }
    case 'DATE':
      return { type: ['string', 'null'], format: 'date' }
    case 'UUID':
      return { type: ['string', 'null'], format: 'uuid' }
    case 'BLOB':
      return { type: ['string', 'null'], contentEncoding: 'base64' }
    case 'INTERVAL':
      return schemaOf(typeAsRead(type))
    case 'JSON':
      return isWithin ? { type: ['string', 'null'], contentMediaType: 'application/json' } : {}
    default:
      return { type: ['string', 'null'] }
  }
}
