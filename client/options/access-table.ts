// The options of the calls of `client.access`: a part of the one table in table.ts. Runs in the client, pure.
import type {
  CreateAccessKeyOptions,
  CreateTokenOptions,
  CredentialsWhere,
  PrincipalChanges,
  SigningScope,
} from '../access/access.ts'
import type { CallOptions } from '../settings.ts'
import { listOf, moment, signal, string, takesGrant, type OptionsOf } from './option.ts'

const call = { signal } satisfies OptionsOf<CallOptions>

const grants = listOf(string, takesGrant)

const createAccessKey = {
  description: string,
  expiresAt: moment,
  signal,
} satisfies OptionsOf<CreateAccessKeyOptions>

const credentials = { principal: string, signal } satisfies OptionsOf<CredentialsWhere>

export const accessOptions = {
  createToken: { ...createAccessKey, grants } satisfies OptionsOf<CreateTokenOptions>,
  listTokens: credentials,
  revokeToken: call,
  createAccessKey,
  listAccessKeys: credentials,
  revokeAccessKey: call,
  listPrincipals: call,
  describePrincipal: call,
  updatePrincipal: {
    add: grants,
    remove: grants,
    certificateNames: listOf(string, string),
    signal,
  } satisfies OptionsOf<PrincipalChanges>,
  deletePrincipal: call,
  signingKey: { date: string, region: string, service: string, signal } satisfies OptionsOf<SigningScope>,
} as const
