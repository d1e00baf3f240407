// Checks names of registered consumers, by Kinesis' rule. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { quoteText } from './text.ts'

/** Returns a sentence that says what is wrong with the name of a registered consumer, or undefined if it is valid. */
export function checkConsumerName(name: string): string | undefined {
  if (name.length === 0) return 'The name of a consumer must not be empty.'
  if (name.length > limits.consumerNameLengthMax) {
    return `The name of a consumer has at most ${limits.consumerNameLengthMax} characters; this one has ${name.length}.`
  }
  const wrong = /[^a-zA-Z0-9_.-]/u.exec(name)
  if (wrong === null) return undefined
  return `The name of a consumer is made of a–z, A–Z, 0–9, _ . and -; ${quoteText(name)} has ${JSON.stringify(wrong[0])}.`
}
