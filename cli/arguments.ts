// Parses option values. Pure. The option parser refuses invalid values and names the option.
import { InvalidArgumentError } from 'commander'
import { kinds } from '../broker/config/kinds.ts'

/** Parses a whole number of at least `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new InvalidArgumentError(`Expected a whole number, ${min} or more.`)
  }
}

/** Parses a duration such as `24h` to milliseconds. */
export function duration(text: string): number {
  const value = kinds.duration.parse(text)
  if (value === undefined) throw new InvalidArgumentError(`Expected ${kinds.duration.expected}.`)
  return value
}

/** Parses a duration of at most `max` milliseconds. */
export function durationUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = duration(text)
    if (value <= max) return value
    throw new InvalidArgumentError(`Expected ${kinds.duration.format(max)} at most.`)
  }
}

/** Parses a size such as `256KiB` to bytes. */
export function size(text: string): number {
  const value = kinds.bytes.parse(text)
  if (value === undefined) throw new InvalidArgumentError(`Expected ${kinds.bytes.expected}.`)
  return value
}
