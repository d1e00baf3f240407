// Checks names of the kind that Kinesis gives to consumers: letters, digits and three signs. Runs anywhere, pure.
import { tokenFault } from './hidden-tokens.ts'
import { quoteText } from './text.ts'

/** Returns a sentence that says what is wrong with the name of a thing, such as `a group`, or undefined if it is valid. */
export function checkPlainName(of: string, name: string, lengthMax: number): string | undefined {
  if (name.length === 0) return `The name of ${of} must not be empty.`
  if (name.length > lengthMax) {
    return `The name of ${of} has at most ${lengthMax} characters; this one has ${name.length}.`
  }
  const token = tokenFault(name)
  if (token !== undefined) return `The name of ${of} ${token}.`
  const wrong = /[^a-zA-Z0-9_.-]/u.exec(name)
  if (wrong === null) return undefined
  return `The name of ${of} is made of a–z, A–Z, 0–9, _ . and -; ${quoteText(name)} has ${JSON.stringify(wrong[0])}.`
}
