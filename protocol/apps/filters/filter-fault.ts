// What is wrong with a filter pattern, and where. Runs anywhere, pure.
import { WrittenNumber } from './exact-json.ts'

/** A pattern that cannot be used. The message names the place. */
export class FilterFault extends Error {
  /** For example `data.price[0].numeric`; empty for the pattern as a whole. */
  readonly place: string

  constructor(place: string, message: string) {
    super(place === '' ? message : `${place}: ${message}`)
    this.name = 'FilterFault'
    this.place = place
  }
}

const SHOWN_CHARACTERS = 60

/** A JSON value as a message shows it. */
export function shownJson(value: unknown): string {
  const text =
    JSON.stringify(value, (_, each: unknown) => (each instanceof WrittenNumber ? Number(each.text) : each)) ??
    'missing'
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
}
