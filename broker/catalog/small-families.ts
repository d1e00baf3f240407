// Every kind of small row, in one table: what the controller writes often and in small pieces, beside the catalog's rare
// changes. Runs in the controller and in the check; pure data. The store, the types of rows, the check and docs/rows.md derive
// from it. A row is found by a text, has a version that no other row ever had, and is JSON behind both.
import { z } from 'zod'

const count = z.int().nonnegative()

/** What the table says of a family. */
export interface SmallFamily {
  /** First byte of every key of the family; never reused, and no tag of another table. */
  readonly tag: number
  /** What the text of a key is, and how many bytes of UTF-8 it has at most. */
  readonly key: string
  readonly keyBytesMax: number
  /** What each row's JSON has to look like, and how many bytes it has at most. */
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
/** Their names, in the order of their tags. */
export const smallFamilyNames = Object.keys(smallFamilies) as readonly SmallFamilyName[]

/** What is stored under a key of the family. */
export type SmallValueIn<F extends SmallFamilyName> = z.output<Families[F]['value']>
