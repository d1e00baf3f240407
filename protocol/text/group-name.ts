// Checks names of consumer groups and of their members. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { tokenFault } from './hidden-tokens.ts'
import { checkPlainName } from './plain-name.ts'
import { quoteText, surrogateFault } from './text.ts'

/** Returns a sentence that says what is wrong with the name of a group, or undefined if it is valid. */
export function checkGroupName(name: string): string | undefined {
  return checkPlainName('a group', name, limits.groupNameLengthMax)
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
  const token = tokenFault(memberId)
  if (token !== undefined) return `The name of a member ${token}.`
  const fault = surrogateFault(memberId)
  return fault === undefined ? undefined : `The name of a member ${quoteText(memberId)} ${fault}.`
}
