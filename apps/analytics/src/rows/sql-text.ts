// Names and texts as SQL writes them. Pure.

/** A name in quotes: any text may be one. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text in quotes. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
