// Checks that text can be encoded as UTF-8. Runs anywhere, pure.
// Half of a surrogate pair has no UTF-8 form. Encoders write U+FFFD in its place, which would turn two different keys into
// the same key. So text is checked before it is sent, and refused.
import { hideTokens } from './hidden-tokens.ts'
import { MillraceError } from '../millrace-error.ts'

/** Says why UTF-8 cannot carry a text, as the end of a sentence that names the text; undefined if UTF-8 can. */
export function surrogateFault(text: string): string | undefined {
  if (text.isWellFormed()) return undefined
  const at = text.search(/\p{Surrogate}/u)
  const code = text.charCodeAt(at).toString(16).toUpperCase()
  return `holds half of a surrogate pair, U+${code} at index ${at}, which UTF-8 cannot carry: send whole characters`
}

/** Throws `invalidArgument` for a text that UTF-8 cannot carry; `name` names the text in the message. */
export function checkText(name: string, text: string): void {
  const fault = surrogateFault(text)
  if (fault !== undefined) throw new MillraceError('invalidArgument', `${name} ${quoteText(text)} ${fault}.`)
}

/** Quotes a text for an error message: shortened, without half surrogate pairs, and without secrets of tokens. */
export function quoteText(given: string): string {
  const text = hideTokens(given)
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
