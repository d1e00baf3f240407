// The refusal of what is not granted. Runs in every process that listens; pure. It names the grant that is missing, as one
// would write it, or says what is said of things that do not exist.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { Action, ResourceKind } from '../../protocol/access/grant.ts'
import { printGrant } from '../../protocol/access/grant-text.ts'
import type { Identity } from './identity.ts'

export interface Denial {
  readonly code: ErrorCode
  readonly message: string
  /** The missing grant, for the one who looks after the broker: the message may hide it. */
  readonly missing: string
}

export interface ActionOn {
  readonly action: Action
  readonly kind: ResourceKind
  readonly name: string
}

/** The grant that allows exactly this, as one would write it. */
function grantFor({ action, kind, name }: ActionOn): string {
  return printGrant({ kind, pattern: name, actions: [action] })
}

/** Says which grant is missing. */
export function lacking(identity: Identity, wanted: ActionOn): Denial {
  const missing = grantFor(wanted)
  const who = identity.principal ?? 'this client'
  return {
    code: 'permissionDenied',
    message: `This needs the grant '${missing}', which ${who} does not have. Whoever holds an admin grant on it can give it.`,
    missing,
  }
}
