// Which answers are written down, and what of them: the one place where requests are refused and where they succeed. Runs in
// every process that listens. Driven by the table of events, so that an operation cannot be forgotten.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import type { RequestMessage } from '../../../protocol/frame/messages.ts'
import type { OperationName } from '../../../protocol/operations.ts'
import type { Audit, AuditFacts } from '../../telemetry/audit/audit.ts'
import { changeOf } from '../../telemetry/audit/changes.ts'
import { auditedOperations, refusedOperations, type AuditEventName } from '../../telemetry/audit/events.ts'
import type { Refusal } from '../dispatch.ts'
import type { DeniedPart, Session } from '../session.ts'

/** Errors that are written down whatever the operation is. */
const denials: { readonly [C in ErrorCode]?: AuditEventName } = {
  permissionDenied: 'permissionDenied',
  unauthenticated: 'unauthenticated',
  throttled: 'quotaExceeded',
}

const refused: { readonly [N in OperationName]?: AuditEventName } = refusedOperations
const changes: { readonly [N in OperationName]?: AuditEventName } = auditedOperations

type Asker = Pick<Session, 'id' | 'remote' | 'identity'>

/** Who asks, as far as it is known; of a credential its public id. */
function asker({
  id,
  remote,
  identity,
}: Asker): Pick<AuditFacts, 'principal' | 'actor' | 'credential' | 'address' | 'session'> {
  const { principal, actor, token } = identity
  return {
    principal,
    ...(actor !== undefined && { actor }),
    ...(token && { credential: token.id }),
    address: remote,
    session: id,
  }
}

function denialOf(operation: OperationName, { code }: Refusal): AuditEventName | undefined {
  return refused[operation] ?? denials[code]
}

/** Tells that an open session is ended because what its client proved counts for nothing any more. */
export function tellEnded(
  audit: Audit,
  { id, remote }: Asker,
  identity: Asker['identity'],
  detail: string,
): void {
  audit.record('sessionEnded', { ...asker({ id, remote, identity }), outcome: 'unauthenticated', detail })
}

/** Tells that a connection is refused for a quota. */
export function tellOver(audit: Audit, session: Asker, { code, message: detail }: Refusal): void {
  audit.record('quotaExceeded', { ...asker(session), outcome: code, detail })
}

/** Tells of the answer to a request, where it is worth a line. Without a refusal, what was asked for is done and durable. */
export function tellAnswer(
  audit: Audit,
  session: Asker,
  { operation, request }: RequestMessage,
  refusal?: Refusal,
): void {
  const isDenied = refusal?.missing !== undefined
  const denial = isDenied ? 'permissionDenied' : refusal && denialOf(operation, refusal)
  const event = denial ?? changes[operation]
  if (event === undefined) return
  const { resource, ...change } = changeOf(operation, request)
  audit.record(event, {
    ...asker(session),
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
  session: Asker,
  { operation, resource, missing, code }: DeniedPart,
): void {
  audit.record('permissionDenied', {
    ...asker(session),
    operation,
    resource,
    outcome: code,
    detail: `missing: ${missing}`,
  })
}
