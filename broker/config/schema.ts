// The option table as a JSON Schema, for editors that complete a configuration file. Runs in the documentation
// generator and the command line; pure.
import { kinds } from './kinds.ts'
import { optionsOf, type Option } from './options.ts'

/** Returns the JSON Schema (2020-12) of a configuration file. */
export function configSchema(): object {
  const entries = optionsOf('broker').filter(([name]) => name !== 'config')
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Millrace configuration',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string' },
      ...Object.fromEntries(entries.map(([name, option]) => [name, propertySchema(option)])),
    },
  }
}

function propertySchema(option: Option): object {
  const description = option.auto === undefined ? option.doc : `${option.doc} auto: ${option.auto}.`
  const common = { description, default: option.default, examples: [option.example] }
  const auto = option.auto === undefined ? [] : ['auto']
  if (option.values !== undefined) return { ...common, enum: [...option.values, ...auto] }
  const kind = kinds[option.kind]
  if (option.form !== undefined) return { ...common, type: 'string', pattern: option.form.pattern }
  if (!('pattern' in kind)) return { ...common, type: 'string', minLength: 1 }
  const text = { type: 'string', pattern: auto.length === 0 ? kind.pattern : `${kind.pattern}|^auto$` }
  // A duration is never a JSON number, because a duration without a unit is refused.
  if (option.kind === 'duration') return { ...common, ...text }
  if (option.kind === 'switch') return { ...common, anyOf: [{ type: 'boolean' }, text] }
  const bound = (side: string | undefined): number | undefined =>
    side === undefined ? undefined : Number(kind.parse(side))
  return {
    ...common,
    anyOf: [{ type: 'integer', minimum: bound(option.min), maximum: bound(option.max) }, text],
  }
}
