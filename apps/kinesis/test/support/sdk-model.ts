// The model that AWS ships in its SDK for JavaScript, as outlines that shapes of ours are held equal to.
import { NormalizedSchema } from '@smithy/core/schema'
import type { Shape } from '../../src/model/shape.ts'

/** A shape in words that both models have: members with their kinds, recursively. */
export type Outline = string | { readonly [member: string]: Outline } | readonly [Outline]

export function outlineOf(shape: Shape): Outline {
  switch (shape.kind) {
    case 'text':
    case 'choice':
      return 'text'
    case 'integer':
    case 'long':
      return 'number'
    case 'list':
      return [outlineOf(shape.of)]
    case 'map':
      return { key: outlineOf(shape.key), value: outlineOf(shape.value) }
    case 'structure':
      return Object.fromEntries(
        Object.entries(shape.members).map(([name, member]) => [name, outlineOf(member.shape)]),
      )
    case 'eventStream':
      return Object.fromEntries(Object.entries(shape.events).map(([name, event]) => [name, outlineOf(event)]))
    default:
      return shape.kind
  }
}

export function outlineOfSchema(schema: NormalizedSchema): Outline {
  if (schema.isUnitSchema()) return {}
  if (schema.isListSchema()) return [outlineOfSchema(schema.getValueSchema())]
  if (schema.isMapSchema()) {
    return { key: outlineOfSchema(schema.getKeySchema()), value: outlineOfSchema(schema.getValueSchema()) }
  }
  if (schema.isStructSchema()) {
    const members = [...schema.structIterator()].filter(([, member]) => !isError(member))
    return Object.fromEntries(members.map(([name, member]) => [name, outlineOfSchema(member)]))
  }
  if (schema.isStringSchema()) return 'text'
  if (schema.isNumericSchema()) return 'number'
  if (schema.isBooleanSchema()) return 'boolean'
  if (schema.isBlobSchema()) return 'blob'
  return schema.isTimestampSchema() ? 'timestamp' : 'unknown'
}

/** The union of a stream of events names the errors that may end it as well. */
function isError(schema: NormalizedSchema): boolean {
  return (schema.getName(true) ?? '').includes('Exception') || 'error' in schema.getMergedTraits()
}

/** The operations that an SDK has, by its commands. */
export function operationsOf(sdk: object): string[] {
  return Object.keys(sdk)
    .filter((name) => /^[A-Z]\w+Command$/.test(name) && name !== '$Command')
    .map((name) => name.replace(/Command$/, ''))
    .sort()
}

/** Schemas of operations are called after them: `PutRecord$`, with the schemas of input and output. */
export function schemaOf(
  sdk: Readonly<Record<string, unknown>>,
  operation: string,
): {
  readonly input: NormalizedSchema
  readonly output: NormalizedSchema
} {
  const schema = sdk[`${operation}$`]
  if (!Array.isArray(schema)) throw new Error(`the SDK has no operation ${operation}`)
  const [input, output] = schema.slice(-2) as [never, never]
  return { input: NormalizedSchema.of(input), output: NormalizedSchema.of(output) }
}
