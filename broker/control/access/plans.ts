// Plans the changes of rows for requests about principals and their credentials. Runs in the controller; pure: takes a state, a
// request and what it may use of chance and time, and returns a plan, or throws the error that the client gets.
import { isDeepStrictEqual } from 'node:util'
import type { Grant } from '../../../protocol/access/grant.ts'
import { checkPrincipalName, ROOT } from '../../../protocol/access/principal-name.ts'
import { limits } from '../../../protocol/limits.ts'
import type { RequestOf } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { tokenFault } from '../../../protocol/text/hidden-tokens.ts'
import { quoteText, surrogateFault } from '../../../protocol/text/text.ts'
import { checkGrants, withGrants, withoutGrants } from './grants.ts'
import {
  checkAdministers,
  checkNames,
  checkOutlives,
  checkPassesOn,
  isActive,
  isVisible,
  nameOf,
  type Asker,
} from './rules.ts'
import {
  credentialsOf,
  type AccessKey,
  type AccessPlan,
  type AccessState,
  type AccessWrite,
  type CredentialFamily,
  type Principal,
  type Token,
} from './state.ts'

/** Who asks, and when. */
export interface Asking {
  readonly by: Asker
  readonly now: number
}

/** A credential that was made of random bytes. */
export type NewCredential =
  | ({ readonly family: 'token'; readonly id: string } & Pick<Token, 'secretHash' | 'isInFile'>)
  | ({ readonly family: 'accessKey'; readonly id: string } & Pick<AccessKey, 'sealed' | 'sealedBy'>)

type FailLimit = Fail<'limitExceeded'>

/** Makes a token, and its principal where there is none. */
export function planCreateToken(
  state: AccessState,
  request: RequestOf<'createToken'>,
  asking: Asking,
  made: NewCredential,
  fail: FailLimit,
): AccessPlan<void> {
  const { principal: name, grants } = request
  checkName(name)
  const isKnown = state.principal.has(name)
  const isChanged = !isKnown || grants.length > 0
  const writes: readonly AccessWrite[] = isChanged
    ? [{ family: 'principal', key: name, value: planGrants(state, { name, add: grants }, asking, fail) }]
    : []
  return { writes: [...writes, ...planCredential(state, request, asking, made, fail)], result: undefined }
}

/** Makes an access key for a principal that there is. */
export function planCreateAccessKey(
  state: AccessState,
  request: RequestOf<'createAccessKey'>,
  asking: Asking,
  made: NewCredential,
  fail: Fail<'limitExceeded' | 'principalNotFound'>,
): AccessPlan<void> {
  checkName(request.principal)
  if (!isVisible(state, asking.by, request.principal, asking.now)) noPrincipal(request.principal, fail)
  return { writes: planCredential(state, request, asking, made, fail), result: undefined }
}

/** Plans a credential, without those of the principal that have expired. */
function planCredential(
  state: AccessState,
  { principal, description, expiresAt }: Omit<RequestOf<'createAccessKey'>, never>,
  { by, now }: Asking,
  made: NewCredential,
  fail: FailLimit,
): readonly AccessWrite[] {
  if (expiresAt !== undefined && expiresAt <= now) {
    throw refusal('invalidArgument', `expiresAt is ${expiresAt}: it must lie ahead.`)
  }
  if (tokenFault(description) !== undefined) {
    throw refusal('invalidArgument', 'The description holds a token, which is a secret, and lists show it.')
  }
  // Whoever may not administer others may make credentials for himself.
  if (by.principal !== principal) checkAdministers(state, by, principal, now)
  checkOutlives(by, principal, expiresAt)
  const { family, id, ...secret } = made
  const expired = credentialsOf(state, family, principal).filter(
    (of) => !isActive(state[family].get(of)!, now),
  )
  checkCredentialRoom(state, family, { principal, expired: expired.length }, fail)
  const shared = { principal, description, createdAt: now, ...(expiresAt !== undefined && { expiresAt }) }
  return [
    ...expired.map((key) => ({ family, key, value: undefined })),
    { family, key: id, value: { ...shared, ...secret } } as AccessWrite,
  ]
}

function checkCredentialRoom(
  state: AccessState,
  family: CredentialFamily,
  { principal, expired }: { readonly principal: string; readonly expired: number },
  fail: FailLimit,
): void {
  const [what, ofOne, ofAll] =
    family === 'token'
      ? ['tokens', limits.tokensPerPrincipalMax, limits.tokensMax]
      : ['access keys', limits.accessKeysPerPrincipalMax, limits.accessKeysMax]
  if (credentialsOf(state, family, principal).length - expired >= ofOne) {
    fail(
      'limitExceeded',
      `The principal ${principal} has ${ofOne} ${what}, the most there may be: revoke some.`,
    )
  }
  if (state[family].size - expired >= ofAll) {
    fail('limitExceeded', `The broker has ${ofAll} ${what}, the most there may be: revoke some.`)
  }
}

/** Revokes a token or an access key; returns its principal. */
export function planRevoke(
  state: AccessState,
  family: CredentialFamily,
  id: string,
  { by, now }: Asking,
  fail: Fail<'credentialNotFound'>,
): AccessPlan<void> {
  knownCredential(state, family, id, { by, now }, fail)
  return { writes: [{ family, key: id, value: undefined }], result: undefined }
}

/** Returns a credential that the asker may see. */
export function knownCredential<F extends CredentialFamily>(
  state: AccessState,
  family: F,
  id: string,
  { by, now }: Asking,
  fail: Fail<'credentialNotFound'>,
): { readonly principal: string } {
  const found = state[family].get(id)
  if (found !== undefined && isVisible(state, by, found.principal, now)) return found
  const what = family === 'token' ? 'token' : 'access key'
  return fail('credentialNotFound', `There is no ${what} with the id ${quoteText(id)}.`)
}

/** Changes grants and certificate names of a principal, or makes it. */
export function planUpdatePrincipal(
  state: AccessState,
  { name, add, remove, certificateNames }: RequestOf<'updatePrincipal'>,
  asking: Asking,
  fail: FailLimit,
): AccessPlan<Principal> {
  checkName(name)
  const change = { name, add, remove, ...(certificateNames && { certificateNames }) }
  const value = planGrants(state, change, asking, fail)
  // Every principal may ask for what changes nothing, and a change costs every process a new policy.
  const isSame = isDeepStrictEqual(value, state.principal.get(name))
  return { writes: isSame ? [] : [{ family: 'principal', key: name, value }], result: value }
}

interface PrincipalChange {
  readonly name: string
  readonly add: readonly Grant[]
  readonly remove?: readonly Grant[]
  readonly certificateNames?: readonly string[]
}

function planGrants(
  state: AccessState,
  { name, add, remove = [], certificateNames }: PrincipalChange,
  { by, now }: Asking,
  fail: FailLimit,
): Principal {
  checkGrants(add, now)
  const before = state.principal.get(name)
  const isNamed = certificateNames?.some((of) => !before?.certificateNames.includes(of)) === true
  // What only takes something away from oneself is always granted.
  const takesOnly = add.length === 0 && !isNamed
  if (before === undefined || !(name === by.principal && takesOnly)) {
    checkAdministers(state, by, name, now)
    checkPassesOn(by, add, now)
    if (isNamed) checkNames(by, now)
  }
  if (name === ROOT && remove.some(({ kind, actions }) => kind === '*' && actions.includes('admin'))) {
    throw refusal('permissionDenied', `The principal ${ROOT} keeps '*:*:admin'.`)
  }
  if (before === undefined && state.principal.size >= limits.principalsMax) {
    fail(
      'limitExceeded',
      `The broker has ${limits.principalsMax} principals, the most there may be: delete some.`,
    )
  }
  const held = before?.grants ?? []
  const grants = withGrants(withoutGrants(held, remove), add, now)
  checkGrantRoom(state, { name, before: held.length, after: grants.length }, fail)
  if (certificateNames !== undefined) checkCertificateNames(state, name, certificateNames)
  return {
    ...(before ?? { createdAt: now, ...makerOf(state, by) }),
    grants,
    certificateNames: [...new Set(certificateNames ?? before?.certificateNames)],
  }
}

function makerOf(state: AccessState, by: Asker): Pick<Principal, 'madeBy'> {
  const name = nameOf(by)
  const maker = name === undefined ? undefined : state.principal.get(name)
  return name === undefined || maker === undefined ? {} : { madeBy: { name, createdAt: maker.createdAt } }
}

function checkGrantRoom(
  state: AccessState,
  { name, before, after }: { readonly name: string; readonly before: number; readonly after: number },
  fail: FailLimit,
): void {
  if (after > limits.grantsPerPrincipalMax) {
    fail(
      'limitExceeded',
      `The principal ${name} would have ${after} grants; it has at most ${limits.grantsPerPrincipalMax}.`,
    )
  }
  let all = after - before
  for (const { grants } of state.principal.values()) all += grants.length
  if (after > before && all > limits.grantsMax) {
    fail('limitExceeded', `All principals have at most ${limits.grantsMax} grants: take some away.`)
  }
}

function checkCertificateNames(state: AccessState, name: string, wanted: readonly string[]): void {
  for (const certificateName of wanted) {
    if (
      !/^[A-Za-z ]+:\S/u.test(certificateName) ||
      /\p{Cc}/u.test(certificateName) ||
      surrogateFault(certificateName)
    ) {
      const message = `${quoteText(certificateName)} is no name of a certificate: write it with its type, as DNS:shop.example.org.`
      throw refusal('invalidArgument', message)
    }
    for (const [other, { certificateNames }] of state.principal) {
      if (other !== name && certificateNames.includes(certificateName)) {
        throw refusal(
          'invalidArgument',
          `${quoteText(certificateName)} stands for another principal already.`,
        )
      }
    }
  }
}

/** Deletes a principal with its credentials. */
export function planDeletePrincipal(
  state: AccessState,
  name: string,
  { by, now }: Asking,
  fail: Fail<'principalNotFound'>,
): AccessPlan<void> {
  checkName(name)
  if (!isVisible(state, by, name, now)) noPrincipal(name, fail)
  if (name === ROOT) throw refusal('permissionDenied', `The principal ${ROOT} cannot be deleted.`)
  const families = ['token', 'accessKey'] as const
  const credentials = families.flatMap((family) =>
    credentialsOf(state, family, name).map((key) => ({ family, key, value: undefined })),
  )
  return { writes: [{ family: 'principal', key: name, value: undefined }, ...credentials], result: undefined }
}

export function noPrincipal(name: string, fail: Fail<'principalNotFound'>): never {
  return fail('principalNotFound', `There is no principal called ${name}.`)
}

export function checkName(name: string): void {
  const wrong = checkPrincipalName(name)
  if (wrong !== undefined) throw refusal('invalidArgument', wrong)
}
