// Which requests a session lets in, by what the table says of their operations. Runs in every process that listens; pure.
import { operations, type Operation, type OperationName } from '../../protocol/operations.ts'
import type { Refusal } from './dispatch.ts'

/** When a request comes in. */
export interface Moment {
  /** The session has not begun: its opening request is not answered yet. */
  readonly isGreeting: boolean
  /** The process is about to stop. */
  readonly isStopping: boolean
}

const opening = Object.entries<Operation>(operations)
  .filter(([, { opensSession }]) => opensSession)
  .map(([name]) => name)
  .join(' or ')

/** Why no request for this operation is served at the moment; undefined where one is. */
export function refusalAt(operation: OperationName, { isGreeting, isStopping }: Moment): Refusal | undefined {
  const { opensSession, servedWhileStopping }: Operation = operations[operation]
  if (isGreeting && !opensSession) {
    return {
      code: 'helloRequired',
      message: `Say ${opening} before ${operation}: it agrees on the protocol version.`,
    }
  }
  if (isStopping && !servedWhileStopping) {
    return { code: 'unavailable', message: 'This process is about to stop and takes no new requests.' }
  }
  return undefined
}

/** What to say of an event that comes before the session has begun. */
export function tooEarly(event: string): string {
  return `Say ${opening} before ${event}.`
}
