// The part of Standard Schema v1 (standardschema.dev) that a codec needs, declared here so that the client needs no
// package for it. Types only. Zod, Valibot, ArkType and others implement it.

/** What checks a value, and may make another of it. */
export interface StandardSchema<In = unknown, Out = In> {
  /** The name that the standard gives it. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

/** A value that passed, or what is wrong with it. */
export type StandardResult<Out> =
  { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

/** One thing that is wrong. */
export interface StandardIssue {
  /** In words. */
  readonly message: string
  /** Where in the value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
