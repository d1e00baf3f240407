// Writes counts in messages. Runs anywhere, pure. The plural is chosen here, so that no message says "1 records".

/** The noun for a count: `record` for 1, `records` for any other count. */
export function nounFor(count: number, noun: string, plural = `${noun}s`): string {
  return count === 1 ? noun : plural
}

/** `1 record`, `2000 records`, `3 batches`: without digit grouping, since programs may read these messages. */
export function countOf(count: number, noun: string, plural?: string): string {
  return `${count} ${nounFor(count, noun, plural)}`
}
