// What an entry of the tables of keys says. Pure: types, and the bounds that several tables share.

/** Whether a key has its effect here. */
export type KeySupport =
  /** As AWS documents it. */
  | 'yes'
  /** With the difference that the note says. */
  | 'in part'
  /** Taken and passed over, with a warning that says the note. */
  | 'no'

interface KeyFacts {
  readonly doc: string
  readonly support: KeySupport
  /** What differs, or why it has no effect. */
  readonly note?: string
  /** Of Millrace: AWS' agent does not know it. */
  readonly isOwn?: true
}

export type Key = KeyFacts &
  (
    | { readonly kind: 'text'; readonly default?: string }
    | { readonly kind: 'path'; readonly default?: string }
    /** A whole number, also as text, as AWS' agent takes it. */
    | { readonly kind: 'whole'; readonly default?: number; readonly min: number; readonly max: number }
    | { readonly kind: 'flag'; readonly default: boolean }
    | { readonly kind: 'choice'; readonly values: readonly string[]; readonly default?: string }
    | { readonly kind: 'texts' }
    /** A regular expression, in Java's syntax. */
    | { readonly kind: 'pattern' }
    /** Any JSON value. */
    | { readonly kind: 'json' }
    /** Objects that a table of their own describes. */
    | { readonly kind: 'objects' }
  )

export type Keys = Readonly<Record<string, Key>>

type Plain<K extends Key> = K extends { kind: 'text' | 'path' }
  ? string
  : K extends { kind: 'whole' }
    ? number
    : K extends { kind: 'flag' }
      ? boolean
      : K extends { kind: 'choice'; values: readonly (infer V)[] }
        ? V
        : K extends { kind: 'texts' }
          ? readonly string[]
          : K extends { kind: 'pattern' }
            ? RegExp
            : unknown

/** The values of a table, by key. What has no default may be missing. */
export type ValuesOf<T extends Keys> = {
  readonly [N in keyof T]: T[N] extends { readonly default: string | number | boolean }
    ? Plain<T[N]>
    : Plain<T[N]> | undefined
}

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

/** Bounds of AWS' agent for the time that something waits. */
export const AWS_WAIT = { min: SECOND_MS, max: 15 * MINUTE_MS } as const

/** The longest time that Node's timers take. */
export const TIMER_MS_MAX = 2 ** 31 - 1
