// Options of verbs from text to values. Pure. What does not fit is refused by the option parser, which names the option.
import { InvalidArgumentError } from 'commander'
import { kinds } from '../broker/config/kinds.ts'

/** A whole number from `min` on. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new InvalidArgumentError(`Expected a whole number, ${min} or more.`)
  }
}

/** `24h` → milliseconds. */
export function duration(text: string): number {
  const value = kinds.duration.parse(text)
  if (value === undefined) throw new InvalidArgumentError(`Expected ${kinds.duration.expected}.`)
  return value
}

/** The same, up to a bound. */
export function durationUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = duration(text)
    if (value <= max) return value
    throw new InvalidArgumentError(`Expected ${kinds.duration.format(max)} at most.`)
  }
}

/** `256KiB` → bytes. */
export function size(text: string): number {
  const value = kinds.bytes.parse(text)
  if (value === undefined) throw new InvalidArgumentError(`Expected ${kinds.bytes.expected}.`)
  return value
}
