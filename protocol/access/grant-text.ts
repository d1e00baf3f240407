// Grants as people write them: `[kind:]pattern:actions`, for example `orders-*:read,write` or `group:billing:read`. The kind is
// stream where it is left out. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { refusal } from '../refusal.ts'
import { tokenFault } from '../text/hidden-tokens.ts'
import { quoteText } from '../text/text.ts'
import { actions, grantKinds, resourceKinds, type Action, type Grant, type GrantKind } from './grant.ts'

const EXAMPLE = "Write for example 'orders-*:read,write' or 'group:billing:read'."

/** Returns a grant without an end. Throws `invalidArgument` that quotes the text, and says what is wrong with it. */
export function parseGrant(text: string): Grant {
  const parts = text.split(':')
  const [first = ''] = parts
  const named = parts.length > 2 && (grantKinds as readonly string[]).includes(first)
  const kind = named ? (first as GrantKind) : 'stream'
  const words = (parts.at(-1) ?? '').split(',').map((word) => word.trim())
  const grant = { kind, pattern: parts.slice(named ? 1 : 0, -1).join(':'), actions: words as Action[] }
  const wrong = parts.length < 2 ? 'it has no actions' : (noKind(grant, first) ?? wrongWith(grant))
  if (wrong === undefined) return { ...grant, actions: [...new Set(grant.actions)] }
  throw refusal('invalidArgument', `${quoteText(text)} is not a grant: ${wrong}. ${EXAMPLE}`)
}

/** A stream's name has no colon: `groups:billing:read` is a slip, and as a grant it would be of nothing. */
function noKind({ kind, pattern }: Grant, first: string): string | undefined {
  if (kind !== 'stream' || !pattern.includes(':')) return undefined
  if (first === 'stream') return 'the name of a stream has no colon'
  return `${quoteText(first)} is no kind; kinds are ${resourceKinds.join(', ')}, and *`
}

/** Returns the grant as it is written, without its end. */
export function printGrant({ kind, pattern, actions: given }: Grant): string {
  return `${kind === 'stream' ? '' : `${kind}:`}${pattern}:${given.join(',')}`
}

/** Says what is wrong with a grant, as the end of a sentence; undefined if it is valid. */
export function wrongWith({ kind, pattern, actions: given }: Grant): string | undefined {
  if (pattern === '') return `it names no ${kind === '*' ? 'pattern' : kind}`
  if (pattern.length > limits.grantPatternLengthMax) {
    return `its pattern has more than ${limits.grantPatternLengthMax} characters`
  }
  const token = tokenFault(pattern)
  if (token !== undefined) return `its pattern ${token}`
  if (pattern.slice(0, -1).includes('*')) return 'a pattern has one *, at its end'
  if ((kind === 'broker' || kind === '*') && pattern !== '*') return `the pattern of ${kind} is *`
  if (!(grantKinds as readonly string[]).includes(kind)) return `kinds are ${resourceKinds.join(', ')}, and *`
  const unknown = given.find((action) => !(actions as readonly string[]).includes(action))
  if (unknown !== undefined) return `${quoteText(unknown)} is no action; there are ${actions.join(', ')}`
  return given.length === 0 ? 'it has no actions' : undefined
}
