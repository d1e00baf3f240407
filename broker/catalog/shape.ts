// Checks a value of a row against its family's schema. Runs in the controller and in the check; pure.
import { safeParse, summarize, type GenericSchema, type InferOutput } from 'valibot'

/** The value with the schema's fields alone, or one text that names each field that is wrong. */
export type ShapeCheck<S extends GenericSchema> =
  { readonly value: InferOutput<S>; readonly problem?: never } | { readonly problem: string }

export function checkShape<S extends GenericSchema>(schema: S, value: unknown): ShapeCheck<S> {
  const { success, output, issues } = safeParse(schema, value)
  return success ? { value: output } : { problem: summarize(issues) }
}
