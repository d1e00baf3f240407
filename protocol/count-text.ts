// Counts in messages. Runs anywhere, pure. One place for the plural, so that nothing says "1 records".

/** The noun as it stands behind a count: `record` behind 1, `records` behind all others. */
export function nounFor(count: number, noun: string, plural = `${noun}s`): string {
  return count === 1 ? noun : plural
}

/** `1 record`, `2000 records`, `3 batches`: digits alone, for messages that a program may read. */
export function countOf(count: number, noun: string, plural?: string): string {
  return `${count} ${nounFor(count, noun, plural)}`
}
