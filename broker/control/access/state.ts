// Principals, their grants and their credentials as an immutable value, made of the rows that are stored. Runs in the controller;
// pure. There is always a principal root, which may do everything, whether it has a row or not.
import { ROOT } from '../../../protocol/access/principal-name.ts'
import type { PolicyData } from '../../access/policy.ts'
import { EVERYTHING } from '../../access/identity.ts'
import type { SmallValueIn } from '../../catalog/small-families.ts'
import type { SmallWrite } from '../../small-rows-contract.ts'

export const accessFamilies = ['principal', 'token', 'accessKey'] as const
export type AccessFamily = (typeof accessFamilies)[number]
/** The two families of what proves who asks. */
export type CredentialFamily = 'token' | 'accessKey'

export type Principal = SmallValueIn<'principal'>
export type Token = SmallValueIn<'token'>
export type AccessKey = SmallValueIn<'accessKey'>

export interface AccessState {
  /** By name. */
  readonly principal: ReadonlyMap<string, Principal>
  /** By id. */
  readonly token: ReadonlyMap<string, Token>
  /** By id. */
  readonly accessKey: ReadonlyMap<string, AccessKey>
}

/** A write of one row. */
export type AccessWrite = {
  [F in AccessFamily]: {
    readonly family: F
    readonly key: string
    readonly value: SmallValueIn<F> | undefined
  }
}[AccessFamily]

/** What a request changes, and what its client is told once that is stored. */
export interface AccessPlan<R> {
  readonly writes: readonly AccessWrite[]
  readonly result: R
}

const noAccess: AccessState = { principal: new Map(), token: new Map(), accessKey: new Map() }

/** Returns the state that stored rows make. */
export function readAccess(rows: readonly AccessWrite[]): AccessState {
  return applyWrites(noAccess, rows)
}

/** Returns the state after the writes. */
export function applyWrites(state: AccessState, writes: readonly AccessWrite[]): AccessState {
  const next = {
    principal: new Map(state.principal),
    token: new Map(state.token),
    accessKey: new Map(state.accessKey),
  }
  for (const { family, key, value } of writes) {
    if (value === undefined) next[family].delete(key)
    else (next[family] as Map<string, typeof value>).set(key, value)
  }
  next.principal.set(ROOT, withEverything(next.principal.get(ROOT)))
  return next
}

function withEverything(root: Principal = { createdAt: 0, grants: [], certificateNames: [] }): Principal {
  const has = root.grants.some(
    ({ kind, actions, expiresAt }) => kind === '*' && actions.includes('admin') && expiresAt === undefined,
  )
  return has
    ? root
    : { ...root, grants: [{ ...EVERYTHING, actions: [...EVERYTHING.actions] }, ...root.grants] }
}

/** Returns the writes as the store takes them. There is one writer, so no condition is needed. */
export function storedWrites(writes: readonly AccessWrite[]): readonly SmallWrite[] {
  return writes.map((write) => ({ ...write, expected: undefined }))
}

/** Returns what every process enforces. Access keys are no part of it: the controller alone knows their secrets. */
export function policyOf(state: AccessState, head: Pick<PolicyData, 'version' | 'access'>): PolicyData {
  return {
    ...head,
    principals: Array.from(state.principal, ([name, { grants, certificateNames }]) => ({
      name,
      grants,
      certificateNames,
    })),
    tokens: Array.from(state.token, ([id, { principal, secretHash, expiresAt }]) => ({
      id,
      principal,
      secretHash,
      expiresAt,
    })),
  }
}

/** Returns the ids of the credentials of a principal. */
export function credentialsOf(
  state: AccessState,
  family: CredentialFamily,
  principal: string,
): readonly string[] {
  return [...state[family]].flatMap(([id, credential]) => (credential.principal === principal ? [id] : []))
}

/** Returns the names of the keys that encrypted the secrets of access keys. */
export function sealedByOf({ accessKey }: AccessState): ReadonlySet<string> {
  return new Set(Array.from(accessKey.values(), ({ sealedBy }) => sealedBy))
}
