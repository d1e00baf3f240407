// Prints bytes: as text where they are UTF-8, and otherwise as base64 under a name of its own, so that nobody takes base64 for
// the text, whatever the text is. Runs anywhere, pure.

// Keeps a byte order mark, which belongs to the text.
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that the bytes are in UTF-8; undefined if they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** Returns `{ data: text }`, or `{ dataBase64: … }` for bytes that are not UTF-8. */
export function printedData(bytes: Uint8Array): { readonly data: string } | { readonly dataBase64: string } {
  const data = textOf(bytes)
  return data === undefined ? { dataBase64: base64Of(bytes) } : { data }
}

/** Headers as they are printed. What there is none of is left out. */
export interface PrintedHeaders {
  /** Those that are UTF-8. */
  readonly headers?: Readonly<Record<string, string>>
  /** The others. */
  readonly headersBase64?: Readonly<Record<string, string>>
}

/** Returns `{ headers: { name: text }, headersBase64: { name: … } }`; each header is in one of them. */
export function printedHeaders(headers: Readonly<Record<string, Uint8Array>>): PrintedHeaders {
  const texts: [string, string][] = []
  const others: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    const text = textOf(value)
    if (text === undefined) others.push([name, base64Of(value)])
    else texts.push([name, text])
  }
  return {
    ...(texts.length > 0 ? { headers: Object.fromEntries(texts) } : {}),
    ...(others.length > 0 ? { headersBase64: Object.fromEntries(others) } : {}),
  }
}

function base64Of({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64')
}
