// Every kind of small row, in one table. Small rows change often, and one at a time; rows of the catalog change rarely.
// Runs in the controller and in the check; pure data. The store, the types of rows, the check and docs/rows.md derive from
// it. A row has a text as its key, a version that no other row ever had, and a JSON value.
import { z } from 'zod'
import { limits } from '../../protocol/limits.ts'

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
    key: 'kind/name',
    keyBytesMax: limits.documentKindLengthMax + 1 + 3 * limits.documentNameLengthMax,
    value: z.strictObject({ content: z.string(), updatedAt: count }),
    // Base64 takes four bytes for three; the rest is for the time and for JSON.
    valueBytesMax: Math.ceil(limits.documentBytesMax / 3) * 4 + 64,
    written: 'when a document is put',
    lives: 'until it is deleted',
    doc: 'What a program keeps in the broker under a name. The content is bytes in Base64.',
  },
} as const satisfies Record<string, SmallFamily>

type Families = typeof smallFamilies
export type SmallFamilyName = keyof Families
/** Names of the families, in the order of their tags. */
export const smallFamilyNames = Object.keys(smallFamilies) as readonly SmallFamilyName[]

/** What is stored under a key of the family. */
export type SmallValueIn<F extends SmallFamilyName> = z.output<Families[F]['value']>
