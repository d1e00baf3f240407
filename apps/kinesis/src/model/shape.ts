// Shapes of the API as data, and the types of their values. Pure. Validation, the codecs, the typed handlers and the support
// table derive from them; the names and bounds are those of the service's published model (API version 2013-12-02).

/** Text, in UTF-16 code units as the service counts it. `pattern` must match the whole text. */
export interface TextShape {
  readonly kind: 'text'
  readonly min?: number
  readonly max?: number
  /** As the service prints it in a refusal. */
  readonly pattern?: string
}
/** One of a few words, in the order in which the service prints them. */
export interface ChoiceShape {
  readonly kind: 'choice'
  readonly values: readonly string[]
}
/** A whole number of 32 bits, or of 64 for `long`: both are JavaScript numbers. */
export interface NumberShape {
  readonly kind: 'integer' | 'long'
  readonly min?: number
  readonly max?: number
}
export interface BooleanShape {
  readonly kind: 'boolean'
}
/** Bytes: base64 in JSON, a byte string in CBOR, a Uint8Array here. */
export interface BlobShape {
  readonly kind: 'blob'
  readonly min?: number
  readonly max?: number
}
/** A moment: seconds with a fraction in JSON, tag 1 with whole milliseconds in CBOR, a Date here. */
export interface TimestampShape {
  readonly kind: 'timestamp'
}
export interface ListShape {
  readonly kind: 'list'
  readonly of: Shape
  readonly min?: number
  readonly max?: number
}
export interface MapShape {
  readonly kind: 'map'
  readonly key: Shape
  readonly value: Shape
  readonly min?: number
  readonly max?: number
}
export interface StructureShape {
  readonly kind: 'structure'
  readonly members: Members
  /** What the service calls it where a refusal prints a list of such structures. */
  readonly name?: string
}
/** An answer without end: each event is a structure that one member of the union names. */
export interface EventStreamShape {
  readonly kind: 'eventStream'
  readonly events: Readonly<Record<string, StructureShape>>
}

export type Shape =
  | TextShape
  | ChoiceShape
  | NumberShape
  | BooleanShape
  | BlobShape
  | TimestampShape
  | ListShape
  | MapShape
  | StructureShape
  | EventStreamShape

export interface Member {
  readonly shape: Shape
  readonly required: boolean
}
export type Members = Readonly<Record<string, Member>>

interface Bounds {
  readonly min?: number
  readonly max?: number
}

export const text = <const O extends Bounds & { readonly pattern?: string }>(bounds: O) =>
  ({ kind: 'text', ...bounds }) as const
export const choice = <const V extends readonly string[]>(...values: V) =>
  ({ kind: 'choice', values }) as const
export const integer = <const O extends Bounds>(bounds: O) => ({ kind: 'integer', ...bounds }) as const
export const long = <const O extends Bounds>(bounds: O) => ({ kind: 'long', ...bounds }) as const
export const boolean = { kind: 'boolean' } as const
export const blob = <const O extends Bounds>(bounds: O) => ({ kind: 'blob', ...bounds }) as const
export const timestamp = { kind: 'timestamp' } as const
export const list = <const S extends Shape, const O extends Bounds>(of: S, bounds: O) =>
  ({ kind: 'list', of, ...bounds }) as const
export const map = <const K extends Shape, const V extends Shape, const O extends Bounds>(
  key: K,
  value: V,
  bounds: O,
) => ({ kind: 'map', key, value, ...bounds }) as const
export const structure = <const M extends Members>(members: M) => ({ kind: 'structure', members }) as const
/** A structure of which requests hold lists. */
export const namedStructure = <const M extends Members>(name: string, members: M) =>
  ({ kind: 'structure', members, name }) as const
export const eventStream = <const E extends Readonly<Record<string, StructureShape>>>(events: E) =>
  ({ kind: 'eventStream', events }) as const
/** A member that must be there. */
export const required = <const S extends Shape>(shape: S) => ({ shape, required: true }) as const
/** A member that may be left out. */
export const optional = <const S extends Shape>(shape: S) => ({ shape, required: false }) as const

type Flat<T> = { readonly [K in keyof T]: T[K] }
type RequiredNames<M extends Members> = {
  [K in keyof M]: M[K]['required'] extends true ? K : never
}[keyof M]

/** The value of a shape, as handlers take and return it. */
export type ValueOf<S extends Shape> = S extends TextShape
  ? string
  : S extends { readonly kind: 'choice'; readonly values: readonly (infer V)[] }
    ? V
    : S extends NumberShape
      ? number
      : S extends BooleanShape
        ? boolean
        : S extends BlobShape
          ? Uint8Array
          : S extends TimestampShape
            ? Date
            : S extends { readonly kind: 'list'; readonly of: infer I extends Shape }
              ? readonly ValueOf<I>[]
              : S extends { readonly kind: 'map'; readonly value: infer V extends Shape }
                ? Readonly<Record<string, ValueOf<V>>>
                : S extends { readonly kind: 'structure'; readonly members: infer M extends Members }
                  ? StructureOf<M>
                  : S extends { readonly kind: 'eventStream'; readonly events: infer E extends Events }
                    ? AsyncIterable<EventOf<E>>
                    : never

type Events = Readonly<Record<string, StructureShape>>
type StructureOf<M extends Members> = Flat<
  { readonly [K in RequiredNames<M>]: ValueOf<M[K]['shape']> } & {
    readonly [K in Exclude<keyof M, RequiredNames<M>>]?: ValueOf<M[K]['shape']> | undefined
  }
>
/** One event: an object with one member, the event's name. */
type EventOf<E extends Events> = { [K in keyof E]: { readonly [N in K]: ValueOf<E[K]> } }[keyof E]
