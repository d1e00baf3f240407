// The operations that begin a connection and keep it alive. Served by every process. Ids 1 to 15.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { timeMs } from '../structs.ts'
import { everyone } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const sessionOperations = {
  hello: {
    id: 1,
    since: 1,
    plane: 'session',
    idempotent: true,
    doc: 'First request on a connection: agrees on the protocol version, and tells which process answers. A client that reached another broker or host than it meant sends nothing more.',
    grant: [everyone],
    request: {
      versionMin: field.uint('Oldest protocol version that the client speaks.', 65_535),
      versionMax: field.uint('Newest protocol version that the client speaks.', 65_535),
      client: field.string(255, 'Name and version of the client, for logs.'),
    },
    response: {
      version: field.uint('The version that both sides speak from now on.', 65_535),
      brokerId: field.string(64, 'Identity of the data directory.'),
      role: field.choice(['controller', 'host'], 'What this process serves.'),
      hostId: field.uint('Number of the host; 0 on a controller.'),
      software: field.string(255, 'Name and version of the broker.'),
      frameBytesMax: field.uint('Largest frame that the broker takes.'),
      sessionIdleMs: field.uint('Send something, at least a ping, well within this time.'),
      access: {
        ...field.choice(
          ['open', 'required'],
          'required: everything but hello, authenticate and ping is refused until it is known who asks. Nothing need be sent where a client certificate has told it.',
        ),
        absent: 'open',
      },
    },
    errors: ['unsupportedVersion'],
    opensSession: true,
  },
  ping: {
    id: 2,
    since: 1,
    plane: 'session',
    idempotent: true,
    doc: 'Keeps a session alive and measures the round trip.',
    grant: [everyone],
    request: {},
    response: { now: timeMs("The broker's clock") },
    errors: [],
    servedWhileStopping: true,
  },
  authenticate: {
    id: 3,
    since: 1,
    plane: 'session',
    idempotent: true,
    doc: 'Says who asks, by a token: over TLS, from this machine, or within the process. On a session whose principal is known it renews the credential of the same principal.',
    grant: [everyone],
    request: {
      token: field.string(limits.tokenLengthMax, 'The token, `mr_<id>_<secret>`.'),
      actAs: field.optional(
        field.string(
          limits.principalNameLengthMax,
          "Name of another principal whose grants, quotas and things the session has from now on, in place of its own; it takes the grant `*:*:admin`, and lasts while that, the token and the other principal do. A broker that does not know the field answers the token's own principal: end the session then.",
        ),
      ),
    },
    response: {
      principal: field.string(
        limits.principalNameLengthMax,
        'Name of the principal: the one as which the session acts, where it does.',
      ),
      expiresAt: field.optional(
        timeMs('From when on the token is refused, and the session ends; absent: never'),
      ),
    },
    errors: ['principalNotFound'],
  },
} as const satisfies OperationFamily
