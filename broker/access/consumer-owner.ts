// To whom a registered consumer belongs: the principal that registered it. Runs in controller and hosts; pure.
import { lacking } from './denial.ts'
import type { Identity } from './identity.ts'

/** True if the consumer is one's own, or nobody's: it was registered while nobody had to say who he was. */
export function isOwnConsumer(principal: string | null | undefined, identity: Identity): boolean {
  return principal == null || principal === identity.principal
}

/** The refusal of what needs to manage the stream, because the consumer is another's. */
export function anothersConsumer(
  identity: Identity,
  stream: string,
  consumer: string,
): { readonly code: 'permissionDenied'; readonly message: string } {
  const { message } = lacking(identity, { action: 'manage', kind: 'stream', name: stream })
  return {
    code: 'permissionDenied',
    message: `Consumer ${consumer} of stream ${stream} was registered by another principal. ${message}`,
  }
}
