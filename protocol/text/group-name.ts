// Checks names of consumer groups and of their members. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { quoteText, surrogateFault } from './text.ts'

/** Returns a sentence that says what is wrong with the name of a group, or undefined if it is valid. */
export function checkGroupName(name: string): string | undefined {
  if (name.length === 0) return 'The name of a group must not be empty.'
  if (name.length > limits.groupNameLengthMax) {
    return `The name of a group has at most ${limits.groupNameLengthMax} characters; this one has ${name.length}.`
  }
  const wrong = /[^a-zA-Z0-9_.-]/u.exec(name)
  if (wrong === null) return undefined
  return `The name of a group is made of a–z, A–Z, 0–9, _ . and -; ${quoteText(name)} has ${JSON.stringify(wrong[0])}.`
}

/** Returns a sentence that says what is wrong with the name of a member, or undefined if it is valid. */
export function checkMemberId(memberId: string): string | undefined {
  const { memberIdLengthMax } = limits
  if (memberId.length === 0) return 'The name of a member must not be empty.'
  if (memberId.length > memberIdLengthMax) {
    return `The name of a member has at most ${memberIdLengthMax} characters; this one has ${memberId.length}.`
  }
  if (/\p{Cc}/u.test(memberId)) {
    return `The name of a member has no control characters; ${quoteText(memberId)} has one.`
  }
  const fault = surrogateFault(memberId)
  return fault === undefined ? undefined : `The name of a member ${quoteText(memberId)} ${fault}.`
}
