// Which requests a session admits, by the table of operations. Runs in every process that listens; pure.
import { operations, type Operation, type OperationName } from '../../protocol/operations.ts'
import type { Refusal } from './dispatch.ts'

/** The state of session and process at the arrival of a request. */
export interface Moment {
  /** The opening request of the session is not answered yet. */
  readonly isGreeting: boolean
  /** It is known who asks, as far as that must be known. */
  readonly isKnown: boolean
  /** The process is about to stop. */
  readonly isStopping: boolean
}

/** Operations that are served before it is known who asks. */
const forEveryone: ReadonlySet<string> = new Set(
  Object.entries<Operation>(operations)
    .filter(([, { grant }]) => grant.every(({ rule }) => rule === 'everyone'))
    .map(([name]) => name),
)

const opening = Object.entries<Operation>(operations)
  .filter(([, { opensSession }]) => opensSession)
  .map(([name]) => name)
  .join(' or ')

/** Returns why this operation is refused at this moment; undefined where it is served. */
export function refusalAt(
  operation: OperationName,
  { isGreeting, isKnown, isStopping }: Moment,
): Refusal | undefined {
  const { opensSession, servedWhileStopping }: Operation = operations[operation]
  if (isGreeting && !opensSession) {
    return {
      code: 'helloRequired',
      message: `Say ${opening} before ${operation}: it agrees on the protocol version.`,
    }
  }
  if (!isKnown && !forEveryone.has(operation)) {
    return {
      code: 'unauthenticated',
      message: `This broker wants to know who asks, before ${operation}: ${SAY_WHO}`,
    }
  }
  if (isStopping && !servedWhileStopping) {
    return { code: 'unavailable', message: 'This process is about to stop and takes no new requests.' }
  }
  return undefined
}

const SAY_WHO = 'connect with a token, or with a client certificate that stands for a principal.'

/** Message for an event that comes before it is known who sends it. */
export function unknownSender(event: string): string {
  return `This broker wants to know who asks, before ${event}: ${SAY_WHO}`
}

/** Message for an event that arrives before the session has begun. */
export function tooEarly(event: string): string {
  return `Say ${opening} before ${event}.`
}
