// The part of Standard Schema v1 (standardschema.dev) that a codec needs, declared here so that the client needs no
// package for it. Types only. Zod, Valibot, ArkType and others implement it.

/** A schema: it checks a value, and may transform it. */
export interface StandardSchema<In = unknown, Out = In> {
  /** The property that the standard defines. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

/** The result of a check: the value, or its faults. */
export type StandardResult<Out> =
  { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

/** One fault of a value. */
export interface StandardIssue {
  /** What is wrong. */
  readonly message: string
  /** Path to the faulty place in the value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
