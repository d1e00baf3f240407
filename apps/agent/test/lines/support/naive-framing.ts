// Records of bytes as the documentation says them, in the plainest way: what framing is held equal to.
export interface NaiveSettings {
  readonly start?: RegExp | undefined
  readonly footer?: RegExp | undefined
  readonly keepTerminators: boolean
}

/** Returns each record that has an end, with the offset of that end. Texts are latin-1, one character a byte. */
export function naiveRecords(
  text: string,
  { start, footer, keepTerminators }: NaiveSettings,
  isWhole: boolean,
): { readonly records: readonly { text: string; end: number }[]; readonly isEnded: boolean } {
  const lines = text.split(/(?<=\n)/).filter((line) => line !== '')
  const records: { text: string; end: number }[] = []
  let open: string | undefined
  let at = 0
  const close = () => {
    if (open === undefined) return
    records.push({ text: keepTerminators ? open : open.replace(/\n$/, ''), end: at })
    open = undefined
  }
  for (const line of lines) {
    const bare = line.replace(/\n$/, '')
    if (bare === line && !isWhole) return { records, isEnded: false }
    if (footer !== undefined && new RegExp(`^(?:${footer.source})$`).test(bare)) {
      close()
      return { records, isEnded: true }
    }
    if (start === undefined || new RegExp(`^(?:${start.source})`).test(bare)) close()
    open = (open ?? '') + line
    at += line.length
    if (start === undefined) close()
  }
  if (isWhole) close()
  return { records, isEnded: false }
}
