// Checks names of registered consumers, by Kinesis' rule. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { checkPlainName } from './plain-name.ts'

/** Returns a sentence that says what is wrong with the name of a registered consumer, or undefined if it is valid. */
export function checkConsumerName(name: string): string | undefined {
  return checkPlainName('a consumer', name, limits.consumerNameLengthMax)
}
