// What tags may be, with the refusals in the service's words. Pure.
import { KinesisError } from '../model/errors.ts'

/** Tags of one stream or consumer. */
export const TAGS_MAX = 50

const RESERVED = /^aws:/i
const STRANGE = /[^\p{L}\p{Z}\p{N}_.:/=+\-@%]/u

/** Refuses tags with characters that tags do not have, or with a reserved key. `what` is what fails then: `add tags to …`. */
export function checkTags(tags: Readonly<Record<string, string>>, what: string): void {
  checkKeys(Object.keys(tags), what, Object.values(tags))
}

/** As `checkTags`, for keys alone. */
export function checkKeys(keys: readonly string[], what: string, values: readonly string[] = []): void {
  const all = [...keys, ...values]
  if (all.some((text) => STRANGE.test(text))) {
    throw refusal(
      'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
    )
  }
  if (all.some((text) => text.includes('%'))) {
    throw refusal(
      `Failed to ${what} because some tags contained illegal characters. The allowed characters are ` +
        "Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
    )
  }
  const reserved = keys.find((key) => RESERVED.test(key))
  if (reserved === undefined) return
  throw refusal(`Failed to ${what} because keys that begin with aws: are reserved: ${reserved}.`)
}

/** The tags with others added, or with other values. Refuses more than a resource may have. */
export function withTags(
  tags: Readonly<Record<string, string>>,
  added: Readonly<Record<string, string>>,
  what: string,
): Readonly<Record<string, string>> {
  const all = { ...tags, ...added }
  if (Object.keys(all).length <= TAGS_MAX) return all
  throw refusal(
    `Failed to ${what} because a given stream cannot have more than ${TAGS_MAX} tags associated with it.`,
  )
}

/** The tags without those of these keys; keys of no tag are passed over. */
export function withoutTags(
  tags: Readonly<Record<string, string>>,
  keys: readonly string[],
): Readonly<Record<string, string>> {
  const gone = new Set(keys)
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key)))
}

/** The tags as lists show them, by key. */
export function listedTags(
  tags: Readonly<Record<string, string>>,
): readonly { readonly Key: string; readonly Value: string }[] {
  return Object.entries(tags)
    .map(([Key, Value]) => ({ Key, Value }))
    .sort((one, other) => (one.Key < other.Key ? -1 : 1))
}

function refusal(message: string): KinesisError {
  return new KinesisError('InvalidArgumentException', message)
}
