// Which answers are written down, and what of them: the one place where requests are refused and where they succeed. Runs in
// every process that listens. Driven by the table of events, so that an operation cannot be forgotten.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import type { RequestMessage } from '../../../protocol/frame/messages.ts'
import type { OperationName } from '../../../protocol/operations.ts'
import type { Audit } from '../../telemetry/audit/audit.ts'
import { changeOf } from '../../telemetry/audit/changes.ts'
import { auditedOperations, type AuditEventName } from '../../telemetry/audit/events.ts'
import type { Refusal } from '../dispatch.ts'
import type { DeniedPart, Session } from '../session.ts'

/** Errors that are written down whatever the operation is. */
const denials: { readonly [C in ErrorCode]?: AuditEventName } = {
  permissionDenied: 'permissionDenied',
  unauthenticated: 'unauthenticated',
}

const changes: { readonly [N in OperationName]?: AuditEventName } = auditedOperations

/** Tells of the answer to a request, where it is worth a line. Without a refusal, what was asked for is done and durable. */
export function tellAnswer(
  audit: Audit,
  session: Pick<Session, 'id' | 'remote' | 'identity'>,
  { operation, request }: RequestMessage,
  refusal?: Refusal,
): void {
  const isDenied = refusal?.missing !== undefined
  const denial = isDenied ? 'permissionDenied' : refusal && denials[refusal.code]
  const event = denial ?? changes[operation]
  if (event === undefined) return
  const { resource, ...change } = changeOf(operation, request)
  audit.record(event, {
    principal: session.identity.principal,
    address: session.remote,
    session: session.id,
    operation,
    resource,
    outcome: refusal?.code ?? 'done',
    ...(isDenied && { detail: `missing: ${refusal.missing}` }),
    // What a denied request asked for is its sender's text, of any length.
    ...(denial === undefined && change),
  })
}

/** Tells that a part of a request was refused for want of a grant; the other parts may be done. */
export function tellDenied(
  audit: Audit,
  session: Pick<Session, 'id' | 'remote' | 'identity'>,
  { operation, resource, missing, code }: DeniedPart,
): void {
  audit.record('permissionDenied', {
    principal: session.identity.principal,
    address: session.remote,
    session: session.id,
    operation,
    resource,
    outcome: code,
    detail: `missing: ${missing}`,
  })
}
