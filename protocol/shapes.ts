// The vocabulary in which operations and events describe their fields. Runs anywhere, pure data and types.
// A shape is an ordered list of named fields; on the wire it is a msgpack array, positional and append-only:
// a decoder ignores values after the fields it knows, and reads a missing optional field as undefined.

/** One field: its kind with a bound, and a sentence for the generated documentation. */
export type Field = Kind & {
  /** What a decoder reads where a sender of an earlier version leaves the field out; none: the field must be there. */
  readonly absent?: unknown
}

type Kind =
  | { readonly kind: 'string'; readonly max: number; readonly doc: string }
  | { readonly kind: 'uint'; readonly max: number; readonly doc: string }
  | { readonly kind: 'boolean'; readonly doc: string }
  | { readonly kind: 'bytes'; readonly max: number; readonly doc: string }
  | { readonly kind: 'hashKey'; readonly doc: string }
  | { readonly kind: 'choice'; readonly values: readonly string[]; readonly doc: string }
  | { readonly kind: 'list'; readonly of: Field; readonly max: number; readonly doc: string }
  | { readonly kind: 'struct'; readonly shape: Shape; readonly doc: string }
  | { readonly kind: 'optional'; readonly of: Field; readonly doc: string }

/** Fields in wire order. */
export type Shape = { readonly [name: string]: Field }

/** The TypeScript value of one field. */
export type FieldValue<F extends Field> = F extends { kind: 'string' }
  ? string
  : F extends { kind: 'uint' }
    ? number
    : F extends { kind: 'boolean' }
      ? boolean
      : F extends { kind: 'bytes' | 'hashKey' }
        ? Uint8Array
        : F extends { kind: 'choice'; values: readonly (infer V)[] }
          ? V
          : F extends { kind: 'list'; of: infer I extends Field }
            ? readonly FieldValue<I>[]
            : F extends { kind: 'struct'; shape: infer S extends Shape }
              ? ValueOf<S>
              : F extends { kind: 'optional'; of: infer I extends Field }
                ? FieldValue<I> | undefined
                : never

/** The TypeScript value of a shape: every name is present; an optional field may be undefined. */
export type ValueOf<S extends Shape> = { readonly [K in keyof S]: FieldValue<S[K]> }

const SAFE = Number.MAX_SAFE_INTEGER

/** Builders of fields. Without a bound, `uint` is bounded by 2^53 − 1. */
export const field = {
  string: <const M extends number>(max: M, doc: string) => ({ kind: 'string', max, doc }) as const,
  uint: (doc: string, max: number = SAFE) => ({ kind: 'uint', max, doc }) as const,
  boolean: (doc: string) => ({ kind: 'boolean', doc }) as const,
  /** When decoded, a view on the received frame: copy bytes that must outlive the frame. */
  bytes: (max: number, doc: string) => ({ kind: 'bytes', max, doc }) as const,
  /** A 128-bit hash key, 16 bytes, big-endian. */
  hashKey: (doc: string) => ({ kind: 'hashKey', doc }) as const,
  /** One of a list of words; encoded as its index in the list, so the list is append-only too. */
  choice: <const V extends readonly string[]>(values: V, doc: string) =>
    ({ kind: 'choice', values, doc }) as const,
  list: <const F extends Field>(of: F, max: number, doc: string) => ({ kind: 'list', of, max, doc }) as const,
  struct: <const S extends Shape>(shape: S, doc: string) => ({ kind: 'struct', shape, doc }) as const,
  optional: <const F extends Field>(of: F) => ({ kind: 'optional', of, doc: of.doc }) as const,
}
