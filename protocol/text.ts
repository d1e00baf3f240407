// Text on its way to UTF-8. Runs anywhere, pure.
// Half of a surrogate pair has no UTF-8 form. Encoders write U+FFFD in its place, so that two different keys become the
// same key on the way: what is sent is checked here first, and refused.
import { MillraceError } from './millrace-error.ts'

/** What is wrong with a text that UTF-8 cannot carry, to follow its name in a message; undefined when nothing is. */
export function surrogateFault(text: string): string | undefined {
  if (text.isWellFormed()) return undefined
  const at = text.search(/\p{Surrogate}/u)
  const code = text.charCodeAt(at).toString(16).toUpperCase()
  return `holds half of a surrogate pair, U+${code} at index ${at}, which UTF-8 cannot carry: send whole characters`
}

/** Throws `invalidArgument` for a text that UTF-8 cannot carry; `name` is what the message calls it. */
export function checkText(name: string, text: string): void {
  const fault = surrogateFault(text)
  if (fault !== undefined) throw new MillraceError('invalidArgument', `${name} ${quoteText(text)} ${fault}.`)
}

/** A text as an error message quotes it: short, and free of half characters. */
export function quoteText(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
