// JSON as AWS' agent writes it: compact, or laid out as its library (Jackson) does by default. Pure.

/** Writes values compactly, or over several lines. */
export function jsonText(value: unknown, isPretty: boolean): string {
  return isPretty ? pretty(value, '') : JSON.stringify(value)
}

function pretty(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? '[ ]' : `[ ${value.map((item) => pretty(item, indent)).join(', ')} ]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const inner = `${indent}  `
  const members = Object.entries(value).map(
    ([name, member]) => `${inner}${JSON.stringify(name)} : ${pretty(member, inner)}`,
  )
  return members.length === 0 ? '{ }' : `{\n${members.join(',\n')}\n${indent}}`
}
