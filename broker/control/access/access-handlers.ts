// The handlers of the operations on principals and their credentials. Runs in the controller. Each sees and changes what the
// principal that asks may pass on; what it may not see does not exist.
import type { accessOperations, WireCredential, WirePrincipal } from '../../../protocol/operations/access.ts'
import type { RequestOf } from '../../../protocol/operations.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { mayEverything } from '../../access/identity.ts'
import type { Handlers } from '../../server/dispatch.ts'
import type { Session } from '../../server/session.ts'
import type { Clock } from '../../time.ts'
import { checkPage, pageOf } from '../pages.ts'
import type { KeyRing, SealedSecret } from './key-ring.ts'
import { newAccessKey, newToken, type RandomBytes } from './new-credentials.ts'
import {
  checkName,
  knownCredential,
  noPrincipal,
  planCreateAccessKey,
  planCreateToken,
  planDeletePrincipal,
  planRevoke,
  planUpdatePrincipal,
  type Asking,
} from './plans.ts'
import type { AccessRegistry } from './registry.ts'
import { isActive, isVisible, nameOf } from './rules.ts'
import {
  credentialsOf,
  sealedByOf,
  type AccessPlan,
  type AccessState,
  type CredentialFamily,
} from './state.ts'

export interface AccessHandlerOptions {
  readonly registry: AccessRegistry
  readonly keyRing: KeyRing
  readonly now: Clock
  readonly random: RandomBytes
}

export function accessHandlers(options: AccessHandlerOptions): Handlers<keyof typeof accessOperations> {
  return { ...tokenHandlers(options), ...accessKeyHandlers(options), ...principalHandlers(options) }
}

function tokenHandlers({
  registry,
  now,
  random,
}: AccessHandlerOptions): Handlers<'createToken' | 'listTokens' | 'revokeToken'> {
  return {
    createToken: async (request, { session, fail }) => {
      const { text, ...made } = newToken(random)
      const plan = (state: AccessState) => planCreateToken(state, request, asking(session, now), made, fail)
      await registry.change(plan, fail, session)
      return { id: made.id, token: text }
    },
    listTokens: (request, { session }) => listCredentials(registry, 'token', request, asking(session, now)),
    revokeToken: async ({ id }, { session, fail }) => {
      const plan = (state: AccessState) => planRevoke(state, 'token', id, asking(session, now), fail)
      await registry.change(plan, fail, session)
      return {}
    },
  }
}

function accessKeyHandlers({
  registry,
  keyRing,
  now,
  random,
}: AccessHandlerOptions): Handlers<'createAccessKey' | 'listAccessKeys' | 'revokeAccessKey' | 'signingKey'> {
  return {
    createAccessKey: async (request, { session, fail }) => {
      const { id, secret } = newAccessKey(random)
      const plan = (state: AccessState, sealed: SealedSecret) =>
        planCreateAccessKey(
          state,
          request,
          asking(session, now),
          { family: 'accessKey', id, ...sealed },
          fail,
        )
      const planSealed = async (state: AccessState): Promise<AccessPlan<void>> => {
        // Who may not make one gets no key file made.
        plan(state, { sealed: '-', sealedBy: '-' })
        return plan(state, await keyRing.seal(id, secret, sealedByOf(state)))
      }
      await registry.change(planSealed, fail, session)
      return { id, secret }
    },
    listAccessKeys: (request, { session }) =>
      listCredentials(registry, 'accessKey', request, asking(session, now)),
    revokeAccessKey: async ({ id }, { session, fail }) => {
      const plan = (state: AccessState) => planRevoke(state, 'accessKey', id, asking(session, now), fail)
      await registry.change(plan, fail, session)
      return {}
    },
    signingKey: async ({ id, ...scope }, { session, fail }) => {
      const { by, now: at } = asking(session, now)
      if (!mayEverything(by, at)) {
        throw refusal('permissionDenied', "Keys that verify signatures take the grant '*:*:admin'.")
      }
      const { principal } = knownCredential(registry.state, 'accessKey', id, { by, now: at }, fail)
      const found = registry.state.accessKey.get(id)!
      if (!isActive(found, at)) fail('credentialNotFound', `The access key ${id} has expired.`)
      const key = await keyRing.signingKey(id, found, scope)
      registry.usedAccessKey(id, at)
      return { key, principal }
    },
  }
}

function principalHandlers({
  registry,
  now,
}: AccessHandlerOptions): Handlers<
  'listPrincipals' | 'describePrincipal' | 'updatePrincipal' | 'deletePrincipal'
> {
  return {
    listPrincipals: ({ limit, exclusiveStartName = '' }, { session }) => {
      checkPage(limit)
      const { state } = registry
      const { by, now: at } = asking(session, now)
      const names = [...state.principal.keys()].filter((name) => name > exclusiveStartName).sort()
      const seen = filtered(names, (name) => isVisible(state, by, name, at))
      const { page, hasMore } = pageOf(seen, limit)
      return { principals: page.map((name) => wirePrincipal(state, name, at)), hasMore }
    },
    describePrincipal: ({ name: given }, { session, fail }) => {
      const { by, now: at, name: own } = asking(session, now)
      const name = given ?? own
      checkName(name)
      if (!isVisible(registry.state, by, name, at)) noPrincipal(name, fail)
      return { principal: wirePrincipal(registry.state, name, at) }
    },
    updatePrincipal: async (request, { session, fail }) => {
      const plan = (state: AccessState) => planUpdatePrincipal(state, request, asking(session, now), fail)
      const principal = await registry.change(plan, fail, session)
      // By now another change may have deleted it.
      return { principal: wirePrincipal(registry.state, request.name, now(), principal) }
    },
    deletePrincipal: async ({ name }, { session, fail }) => {
      const plan = (state: AccessState) => planDeletePrincipal(state, name, asking(session, now), fail)
      await registry.change(plan, fail, session)
      return {}
    },
  }
}

/**
 * Who asks is looked at when the change is planned: by then his grants may be others. Throws `unauthenticated` where what he
 * proved has come to count for nothing.
 */
function asking({ identity }: Session, now: Clock): Asking & { readonly name: string } {
  const name = nameOf(identity)
  if (name === undefined) {
    throw refusal('unauthenticated', 'By the turn of this request its session had lost its principal.')
  }
  return { by: identity, name, now: now() }
}

function listCredentials(
  registry: AccessRegistry,
  family: CredentialFamily,
  { limit, exclusiveStartId = '', principal: of }: RequestOf<'listTokens'>,
  { by, now }: Asking,
): { readonly credentials: readonly WireCredential[]; readonly hasMore: boolean } {
  checkPage(limit)
  const { state } = registry
  // Of each principal once: a principal has many credentials.
  const visible = new Map<string, boolean>()
  const isSeen = (principal: string): boolean => {
    const seen = visible.get(principal) ?? isVisible(state, by, principal, now)
    visible.set(principal, seen)
    return seen
  }
  const ids = [...state[family].keys()].filter((id) => id > exclusiveStartId).sort()
  const seen = filtered(ids, (id) => {
    const { principal } = state[family].get(id)!
    return (of === undefined || of === principal) && isSeen(principal)
  })
  const { page, hasMore } = pageOf(seen, limit)
  const credentials = page.map((id) => {
    const { principal, description, createdAt, expiresAt } = state[family].get(id)!
    return { id, principal, description, createdAt, expiresAt, lastUsedAt: registry.lastUsedAt(family, id) }
  })
  return { credentials, hasMore }
}

function* filtered<T>(items: Iterable<T>, isWanted: (item: T) => boolean): Generator<T> {
  for (const item of items) if (isWanted(item)) yield item
}

function wirePrincipal(
  state: AccessState,
  name: string,
  now: number,
  { createdAt, grants, certificateNames } = state.principal.get(name)!,
): WirePrincipal {
  return {
    name,
    createdAt,
    grants: grants
      .filter((grant) => isActive(grant, now))
      .map((grant) => ({ ...grant, expiresAt: grant.expiresAt })),
    certificateNames,
    tokens: credentialsOf(state, 'token', name).length,
    accessKeys: credentialsOf(state, 'accessKey', name).length,
  }
}
