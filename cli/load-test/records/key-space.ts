// Which partition keys a load has, and how often each is used. Pure.
import { InvalidArgumentError } from 'commander'
import type { Random } from './random.ts'

export const KEYS_MAX = 1_000_000

const EXPECTED = `Expected uniform:N, zipf:N, zipf:N:s with an exponent s above 0 and at most 10, or single; N from 1 to ${KEYS_MAX.toLocaleString('en-US')}.`
const EXPONENT_DEFAULT = 1
const EXPONENT_MAX = 10

export interface KeySpace {
  /** Number of keys. */
  readonly count: number
  /** For people: `1,000 keys, zipf 1.2`. */
  readonly text: string
  /** Returns a chooser of keys: each call gives an index from 0 to below `count`. With zipf, 0 is the most frequent. */
  readonly chooser: (random: Random) => () => number
}

/** Parses `uniform:1000`, `zipf:1000`, `zipf:1000:1.2` or `single`. Throws InvalidArgumentError that says what to write. */
export function parseKeys(text: string): KeySpace {
  if (text === 'single') return { count: 1, text: 'one key', chooser: () => () => 0 }
  const [, kind, digits, exponentText] = /^(uniform|zipf):(\d+)(?::(\d+(?:\.\d+)?))?$/.exec(text) ?? []
  const count = Number(digits)
  const exponent = exponentText === undefined ? EXPONENT_DEFAULT : Number(exponentText)
  const isExponentWrong =
    exponentText !== undefined && (kind !== 'zipf' || !(exponent > 0) || exponent > EXPONENT_MAX)
  if (kind === undefined || !(count >= 1) || count > KEYS_MAX || isExponentWrong) {
    throw new InvalidArgumentError(EXPECTED)
  }
  const noun = `${count.toLocaleString('en-US')} ${count === 1 ? 'key' : 'keys'}`
  if (kind === 'uniform') {
    return { count, text: noun, chooser: (random) => () => Math.floor(random() * count) }
  }
  return { count, text: `${noun}, zipf ${exponent}`, chooser: (random) => zipf(count, exponent, random) }
}

/** The key of rank r (from 1) is chosen with a probability in proportion to 1 / r^exponent: by the inverse of its sums. */
function zipf(count: number, exponent: number, random: Random): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 1; rank <= count; rank++) sums[rank - 1] = sum += rank ** -exponent
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sums[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
