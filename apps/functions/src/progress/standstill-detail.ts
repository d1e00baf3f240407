// The error for which a shard stands still, in as many characters as its document has room for. Runs in the app, pure.

/** A document holds 256 KiB, and each lane of a shard may stand still for an error of its own. */
const DETAIL_CHARACTERS_MAX = 1000

/** Cuts what a function or a destination says without end. */
export function standstillDetail(text: string): string {
  if (text.length <= DETAIL_CHARACTERS_MAX) return text
  return `${text.slice(0, DETAIL_CHARACTERS_MAX)}… (cut: ${text.length} characters)`
}
