// Finds the name that a misspelt one probably means. Runs in the client, pure.

/** Returns the name that is most like the given one, if it is close enough to be meant. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const wanted = given.toLowerCase()
  let best: string | undefined
  let least = Math.floor(wanted.length / 3) + 1
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase())
    if (distance >= least) continue
    best = name
    least = distance
  }
  return best
}

/** Returns how many characters must be inserted, removed or replaced to turn one text into the other. */
function editDistance(a: string, b: string): number {
  // Names are short, so a much longer text means none of them.
  if (Math.abs(a.length - b.length) > 8) return Infinity
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1))
    }
    above = row
  }
  return above[b.length]!
}
