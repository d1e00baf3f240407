// Parameters of a query, and how signatures write them. Pure.

/** Names and values of a query, decoded, in their order. What is not properly escaped stands for itself. */
export function parseQuery(query: string | undefined): (readonly [name: string, value: string])[] {
  if (query === undefined || query === '') return []
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      return at === -1
        ? ([unescaped(part), ''] as const)
        : ([unescaped(part.slice(0, at)), unescaped(part.slice(at + 1))] as const)
    })
}

/** Escapes all but the unreserved characters of RFC 3986. */
export function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
