// The operations about principals, their grants and their credentials. Control plane: served by the controller, which answers a
// change when it is on the disk and every process of the broker that can be reached enforces it.
import { actions, grantKinds } from '../access/grant.ts'
import { limits } from '../limits.ts'
import { field, type ValueOf } from '../shapes.ts'
import { timeMs } from '../structs.ts'
import { delegates } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

const principal = field.string(
  limits.principalNameLengthMax,
  'Name of the principal: 1 to 128 letters a–z and A–Z, digits, underscores, full stops and hyphens.',
)
const credentialId = field.string(64, 'Public id of the credential, as lists and logs show it.')
const description = field.string(limits.descriptionLengthMax, 'What it is for, for people.')
const certificateName = field.string(
  limits.certificateNameLengthMax,
  'Subject alternative name with its type, such as `DNS:shop.example.org`; compared exactly.',
)

/** Actions on one thing, or on all whose names begin with a prefix. */
export const grantShape = {
  kind: field.choice(grantKinds, 'What kind of thing it is about; * for all kinds.'),
  pattern: field.string(limits.grantPatternLengthMax, 'An exact name, or a prefix that ends in *.'),
  actions: field.list(field.choice(actions, 'An action.'), actions.length, 'What is granted.'),
  expiresAt: field.optional(timeMs('From when on it counts for nothing; absent: never')),
} as const

const grants = field.list(
  field.struct(grantShape, 'A grant.'),
  limits.grantsPerPrincipalMax,
  'Each one that the sender may pass on: an `admin` grant of his covers it, and lasts as long.',
)

/** A principal with what it may do. */
export const principalShape = {
  name: principal,
  createdAt: timeMs('When it was made'),
  grants: field.list(field.struct(grantShape, 'A grant.'), limits.grantsPerPrincipalMax, 'What it may do.'),
  certificateNames: field.list(
    certificateName,
    limits.certificateNamesPerPrincipalMax,
    'Client certificates with one of these names stand for it.',
  ),
  tokens: field.uint('How many tokens it has.'),
  accessKeys: field.uint('How many access keys it has.'),
} as const

/** A token or an access key, without its secret. */
export const credentialShape = {
  id: credentialId,
  principal,
  description,
  createdAt: timeMs('When it was made'),
  expiresAt: field.optional(timeMs('From when on it is refused; absent: never')),
  lastUsedAt: field.optional(timeMs('When it was last used, to within a minute; absent: never')),
} as const

const page = {
  limit: field.uint('Entries in the page.', limits.listPageMax),
  exclusiveStartId: field.optional(credentialId),
  principal: field.optional(principal),
} as const

const credentialPage = {
  credentials: field.list(
    field.struct(credentialShape, 'A credential.'),
    limits.listPageMax,
    'In the order of their ids; only of principals that the sender may give grants to, and its own.',
  ),
  hasMore: field.boolean('More follow: ask again from the last id.'),
} as const

export const accessOperations = {
  createToken: {
    id: 112,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Makes a token for a principal, which is made with it where there is none. The token is in this answer only: the broker keeps a hash of it.',
    grant: [delegates],
    request: {
      principal,
      description,
      expiresAt: field.optional(timeMs('From when on it is refused')),
      grants,
    },
    response: {
      id: credentialId,
      token: field.string(limits.tokenLengthMax, 'The token, `mr_<id>_<secret>`.'),
    },
    errors: ['limitExceeded', 'storageFull'],
  },
  listTokens: {
    id: 113,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists tokens, without their secrets, a page at a time.',
    grant: [delegates],
    request: page,
    response: credentialPage,
    errors: [],
  },
  revokeToken: {
    id: 114,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Revokes a token: sessions that began with it end.',
    grant: [delegates],
    request: { id: credentialId },
    response: {},
    errors: ['credentialNotFound', 'storageFull'],
  },
  createAccessKey: {
    id: 115,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Makes an access key for a principal: an id, and a secret that signs requests. The secret is in this answer only; the broker keeps it encrypted, to verify signatures.',
    grant: [delegates],
    request: { principal, description, expiresAt: field.optional(timeMs('From when on it is refused')) },
    response: { id: credentialId, secret: field.string(64, 'The secret, 40 characters.') },
    errors: ['principalNotFound', 'limitExceeded', 'storageFull'],
  },
  listAccessKeys: {
    id: 116,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists access keys, without their secrets, a page at a time.',
    grant: [delegates],
    request: page,
    response: credentialPage,
    errors: [],
  },
  revokeAccessKey: {
    id: 117,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Revokes an access key.',
    grant: [delegates],
    request: { id: credentialId },
    response: {},
    errors: ['credentialNotFound', 'storageFull'],
  },
  listPrincipals: {
    id: 118,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists principals by name, a page at a time: those that the sender may give grants to, and itself.',
    grant: [delegates],
    request: {
      limit: field.uint('Principals in the page.', 100),
      exclusiveStartName: field.optional(principal),
    },
    response: {
      principals: field.list(
        field.struct(principalShape, 'A principal.'),
        100,
        'In the order of their names.',
      ),
      hasMore: field.boolean('More follow: ask again from the last name.'),
    },
    errors: [],
  },
  describePrincipal: {
    id: 119,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes a principal; without a name, the one that asks.',
    grant: [delegates],
    request: { name: field.optional(principal) },
    response: { principal: field.struct(principalShape, 'The principal.') },
    errors: ['principalNotFound'],
  },
  updatePrincipal: {
    id: 120,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Gives grants to a principal, takes grants from it, and says which certificate names stand for it. Makes the principal where there is none. Open sessions follow.',
    grant: [delegates],
    request: {
      name: principal,
      add: grants,
      remove: field.list(
        field.struct(grantShape, 'A grant: every one of this kind and pattern loses these actions.'),
        limits.grantsPerPrincipalMax,
        'Grants that end; taken before the others are added.',
      ),
      certificateNames: field.optional(
        field.list(
          certificateName,
          limits.certificateNamesPerPrincipalMax,
          'All of them; absent: no change. New ones take the grant `*:*:admin`.',
        ),
      ),
    },
    response: { principal: field.struct(principalShape, 'The principal as it is now.') },
    errors: ['limitExceeded', 'storageFull'],
  },
  deletePrincipal: {
    id: 121,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Deletes a principal with its grants and credentials: its sessions end. What it made stays.',
    grant: [delegates],
    request: { name: principal },
    response: {},
    errors: ['principalNotFound', 'storageFull'],
  },
  signingKey: {
    id: 122,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Derives the key by which a program that serves signed requests verifies those of one access key on one day (Signature Version 4): the secret itself never leaves the broker. For principals that may do everything.',
    grant: [delegates],
    request: {
      id: credentialId,
      date: field.string(8, 'The day, YYYYMMDD.'),
      region: field.string(64, 'Region of the credential scope.'),
      service: field.string(64, 'Service of the credential scope.'),
    },
    response: { key: field.bytes(32, 'The signing key of that scope.'), principal },
    errors: ['credentialNotFound'],
  },
} as const satisfies OperationFamily

export type WireGrant = ValueOf<typeof grantShape>
export type WirePrincipal = ValueOf<typeof principalShape>
export type WireCredential = ValueOf<typeof credentialShape>
