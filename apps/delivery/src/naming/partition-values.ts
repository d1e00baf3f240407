// What a record's partition consists of: the values of `!{partitionKeyFromQuery:…}` and `!{partitionKeyFromLambda:…}`. Pure. Its text is
// one for the same values, whatever the order in which they were found, so that it can name a buffer.

export interface PartitionValues {
  readonly query?: Readonly<Record<string, string>>
  readonly lambda?: Readonly<Record<string, string>>
}

/** Returns the text of a partition; '' for one without values. */
export function partitionText({ query = {}, lambda = {} }: PartitionValues): string {
  const sides = { ...side('query', query), ...side('lambda', lambda) }
  return Object.keys(sides).length === 0 ? '' : JSON.stringify(sides)
}

/** Returns the values that a text was made of. */
export function partitionValues(text: string): PartitionValues {
  return text === '' ? {} : (JSON.parse(text) as PartitionValues)
}

function side(name: string, values: Readonly<Record<string, string>>): Record<string, object> {
  const entries = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? {} : { [name]: Object.fromEntries(entries) }
}
