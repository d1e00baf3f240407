// Every kind of small row, in one table. Small rows change often, and one at a time; rows of the catalog change rarely.
// Runs in the controller and in the check; pure data. The store, the types of rows, the check and docs/rows.md derive from
// it. A row has a text as its key, a version that no other row ever had, and a JSON value.
import { z } from 'zod'

const count = z.int().nonnegative()

/** One entry of the table. */
export interface SmallFamily {
  /** First byte of every key of the family; never reused, also not by a family of the catalog. */
  readonly tag: number
  /** What the text of the key is, and its greatest length in bytes of UTF-8. */
  readonly key: string
  readonly keyBytesMax: number
  /** Schema of each row's JSON, and its greatest length in bytes. */
  readonly value: z.ZodType
  readonly valueBytesMax: number
  readonly written: string
  readonly lives: string
  readonly doc: string
}

export const smallFamilies = {
  document: {
    tag: 0x20,
    key: 'name',
    keyBytesMax: 256,
    value: z.strictObject({ content: z.string(), updatedAt: count }),
    valueBytesMax: 256 * 1024,
    written: 'when a document is put',
    lives: 'until it is deleted',
    doc: 'A named text that programs keep in the broker, replaced only by a writer that knows its version.',
  },
} as const satisfies Record<string, SmallFamily>

type Families = typeof smallFamilies
export type SmallFamilyName = keyof Families
/** Names of the families, in the order of their tags. */
export const smallFamilyNames = Object.keys(smallFamilies) as readonly SmallFamilyName[]

/** What is stored under a key of the family. */
export type SmallValueIn<F extends SmallFamilyName> = z.output<Families[F]['value']>
