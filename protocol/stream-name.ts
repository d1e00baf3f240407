// Checks stream names by Kinesis' rule. Runs anywhere, pure.
import { limits } from './limits.ts'
import { tokenFault } from './text/hidden-tokens.ts'

/** Returns a sentence that says what is wrong with a stream name, or undefined if the name is valid. */
export function checkStreamName(name: string): string | undefined {
  if (name.length === 0) return 'A stream name must not be empty.'
  if (name.length > limits.streamNameLengthMax) {
    return `A stream name has at most ${limits.streamNameLengthMax} characters; this one has ${name.length}.`
  }
  const token = tokenFault(name)
  if (token !== undefined) return `A stream name ${token}.`
  const wrong = /[^a-zA-Z0-9_.-]/u.exec(name)
  if (wrong === null) return undefined
  return `A stream name is made of a–z, A–Z, 0–9, _ . and -; ${JSON.stringify(name)} has ${JSON.stringify(wrong[0])}.`
}
