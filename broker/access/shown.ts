// Walks sorted names and yields only those that may be seen. Runs in the controller; pure. It seeks from one granted name or
// prefix to the next, so that a page costs what it shows and the number of grants, however many names are hidden.

/** Names in order by `<`: an OrderedMap, or anything that can begin after a name. */
export interface SortedNames<V> {
  get(name: string): V | undefined
  /** Entries with names above `after`, or all. */
  entries(after?: string): Iterable<readonly [string, V]>
}

/** Yields the entries that the patterns show, with names above `after`. The patterns are sorted, and none is within another. */
export function* shownEntries<V>(
  names: SortedNames<V>,
  patterns: readonly string[],
  after?: string,
): Generator<readonly [string, V]> {
  for (const pattern of patterns) {
    if (!pattern.endsWith('*')) {
      const value = after === undefined || pattern > after ? names.get(pattern) : undefined
      if (value !== undefined) yield [pattern, value]
      continue
    }
    const prefix = pattern.slice(0, -1)
    yield* withPrefix(names, prefix, after)
  }
}

function* withPrefix<V>(
  names: SortedNames<V>,
  prefix: string,
  after: string | undefined,
): Generator<readonly [string, V]> {
  if (after === undefined || after < prefix) {
    const first = prefix === '' ? undefined : names.get(prefix)
    if (first !== undefined) yield [prefix, first]
  }
  const from = after === undefined || after < prefix ? prefix : after
  for (const entry of names.entries(from === '' ? undefined : from)) {
    if (!entry[0].startsWith(prefix)) return
    yield entry
  }
}

/** Names that were sorted by `<`, to walk. */
export function sortedNames(names: readonly string[]): SortedNames<string> {
  const placeAbove = (name: string): number => {
    let low = 0
    let high = names.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (names[middle]! > name) high = middle
      else low = middle + 1
    }
    return low
  }
  return {
    get: (name) => {
      const place = placeAbove(name) - 1
      return names[place] === name ? name : undefined
    },
    *entries(after) {
      for (let place = after === undefined ? 0 : placeAbove(after); place < names.length; place++) {
        yield [names[place]!, names[place]!]
      }
    },
  }
}
