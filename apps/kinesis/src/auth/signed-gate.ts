// The gate of an endpoint that verifies signatures: access keys of the broker's principals, and what those may do.
// Runs in the endpoint.
import { MillraceError, type Client } from 'millrace'
import { isAccessKeyId } from 'millrace/protocol'
import { KinesisError } from '../model/errors.ts'
import type { EndpointSettings } from '../settings.ts'
import type { CredentialScope } from './authorization.ts'
import { Callers, type CallersOptions } from './callers.ts'
import type { RequestHead } from '../wire/request-head.ts'
import type { Gate } from './open-gate.ts'
import { SigningKeys } from './signing-keys.ts'
import { verifyHead, verifySignature, type VerifyingKey } from './verify-signature.ts'

export interface SignedGateOptions extends CallersOptions {
  /** The endpoint's own client, which may ask for signing keys. */
  readonly own: Client
  readonly settings: EndpointSettings
}

export interface SignedGate {
  readonly gate: Gate
  /** Refuses by its head a request of which no body need be read. Fails with KinesisError. */
  readonly admit: (service: string, head: RequestHead) => Promise<void>
  /** Closes the clients of callers. */
  close(): Promise<void>
}

export function signedGate({ own, settings, ...options }: SignedGateOptions): SignedGate {
  const keys = new SigningKeys({ ask: (scope) => askKey(own, scope), elapsed: options.elapsed })
  const callers = new Callers(options)
  const verification = (service: string, head: RequestHead) => ({
    head,
    service,
    region: settings.region,
    now: options.now(),
    keyOf: (scope: CredentialScope) => keys.of(scope),
  })
  const gate: Gate = async (service, { head, body, signal }) => {
    const { principal, region } = await verifySignature({ ...verification(service, head), body })
    return { caller: await callers.use(principal, signal).catch(unavailable), region }
  }
  const admit = (service: string, head: RequestHead) => verifyHead(verification(service, head))
  return { gate, admit, close: () => callers.close() }
}

/** Names in scopes are short and plain: others are nobody's, and the broker is not asked. */
const SCOPE_NAME = /^[a-z0-9-]{1,63}$/

async function askKey(own: Client, scope: CredentialScope): Promise<VerifyingKey | undefined> {
  const { accessKeyId, date, region, service } = scope
  if (!isAccessKeyId(accessKeyId) || !SCOPE_NAME.test(region) || !SCOPE_NAME.test(service)) return undefined
  try {
    return await own.access.signingKey(accessKeyId, { date, region, service })
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'credentialNotFound') return undefined
    return unavailable(error)
  }
}

/** Whoever cannot be verified is not refused: every client tries again by itself. */
function unavailable(error: unknown): never {
  if (error instanceof KinesisError) throw error
  throw new KinesisError('ServiceUnavailableException', 'The broker cannot be asked.', { cause: error })
}
