// How fields of definitions are declared and checked. Runs anywhere, pure.
import { DefinitionFault } from './definition-fault.ts'

interface FieldText {
  /** One sentence for help and documentation. */
  readonly doc: string
}

/** A whole number between bounds. `also` is one more value that is taken, with a meaning of its own. */
export interface NumberField extends FieldText {
  readonly kind: 'count' | 'duration'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly also?: { readonly value: number; readonly means: string }
}

export interface SwitchField extends FieldText {
  readonly kind: 'switch'
  readonly default: boolean
}

export type DefinitionField = NumberField | SwitchField

export type FieldValues<F extends Readonly<Record<string, DefinitionField>>> = {
  readonly [N in keyof F]: F[N] extends NumberField ? number : boolean
}

/** Fills in defaults. Throws `DefinitionFault` for a value out of bounds. */
export function fieldValues<F extends Readonly<Record<string, DefinitionField>>>(
  fields: F,
  given: Readonly<Record<string, unknown>>,
): FieldValues<F> {
  const values = Object.entries(fields).map(([name, field]) => [name, fieldValue(name, field, given[name])])
  return Object.fromEntries(values) as FieldValues<F>
}

function fieldValue(name: string, field: DefinitionField, given: unknown): unknown {
  if (given === undefined) return field.default
  if (field.kind === 'switch') {
    if (typeof given === 'boolean') return given
    throw new DefinitionFault('invalid', name, `is ${JSON.stringify(given)}; it must be true or false.`)
  }
  const { min, max, also } = field
  if (Number.isSafeInteger(given)) {
    const number = given as number
    if ((number >= min && number <= max) || number === also?.value) return number
  }
  const or = also === undefined ? '' : `, or ${also.value} (${also.means})`
  const unit = field.kind === 'duration' ? ' milliseconds' : ''
  throw new DefinitionFault(
    'invalid',
    name,
    `is ${JSON.stringify(given)}; it must be from ${min} to ${max}${unit}${or}.`,
  )
}
