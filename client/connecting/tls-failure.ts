// Why a TLS connection cannot be made, as sentences that say what to do. Runs in the client, pure. The codes are those of Node
// and of OpenSSL. What does not heal by itself becomes `tlsFailed`, which is not tried again; the rest is left to the caller.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { endSentence } from '../errors.ts'

/** Where a connection was tried. */
export interface TlsPeer {
  /** host:port. */
  readonly at: string
  /** Names of which the certificate must have one. */
  readonly names: readonly string[]
}

/** Bytes that any TLS record, here an alert or a handshake, begins with. */
const TLS_RECORD_TYPES = [0x15, 0x16]
const TLS_MAJOR_VERSION = 0x03

const TRUST =
  "give the certificate of the broker's authority, its ca.pem: connect(url, { tls: { ca } }), or --ca on the command line"

/** What is wrong with the broker's certificate, by the code of the check. Any other code of a check means: not trusted. */
const faultOfCertificate: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    'the certificate there, or that of its authority, has expired, or the clock of this machine is wrong: its operator must renew it',
  CERT_NOT_YET_VALID: 'the certificate there is not valid yet, or the clock of this machine is wrong',
  CERT_REVOKED: 'the certificate there was revoked',
}

/** Codes of a check of a certificate that do not begin with CERT_. */
const checkCodes =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|INVALID_(CA|PURPOSE)$|PATH_LENGTH_EXCEEDED$|HOSTNAME_MISMATCH$|CRL_|ERROR_IN_CERT_|EE_|CA_MD_)/

const NO_TLS = 'the broker there does not speak TLS; use millrace://'
const NO_VERSION = 'what answers there does not speak TLS 1.3'

/** By the end of the code of an error of OpenSSL. */
const faultOfHandshake: Readonly<Record<string, string>> = {
  WRONG_VERSION_NUMBER: NO_TLS,
  PACKET_LENGTH_TOO_LONG: NO_TLS,
  HTTP_REQUEST: NO_TLS,
  UNSUPPORTED_PROTOCOL: NO_VERSION,
  ALERT_PROTOCOL_VERSION: NO_VERSION,
  ALERT_HANDSHAKE_FAILURE: 'what answers there agrees to no way of TLS 1.3',
  ALERT_NO_APPLICATION_PROTOCOL: "what answers there speaks TLS, but not the broker's protocol",
  ALERT_CERTIFICATE_REQUIRED:
    'the broker there wants a certificate of the client: give tls.cert and tls.key, or --cert and --cert-key',
  ALERT_UNKNOWN_CA: 'the broker there does not trust the authority of the certificate of this client',
  ALERT_BAD_CERTIFICATE: 'the broker there refuses the certificate of this client',
  ALERT_CERTIFICATE_EXPIRED: 'the certificate of this client has expired',
  ALERT_CERTIFICATE_UNKNOWN: 'the broker there refuses the certificate of this client',
}

/** Returns the failure that an error of a TLS socket stands for; undefined where it may heal, as a network may. */
export function asTlsFailure(error: Error, { at, names }: TlsPeer): MillraceError | undefined {
  const sentence = sentenceOf(error, names)
  if (sentence === undefined) return undefined
  return tlsFailed(at, sentence, error)
}

function sentenceOf(error: Error, names: readonly string[]): string | undefined {
  const code = (error as { readonly code?: unknown }).code
  if (typeof code !== 'string') return undefined
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const meant = names.join(' or ')
    return `the certificate there is not for ${meant}${namesOf(error)}: use one of its names in the url, or in tls.serverName`
  }
  if (checkCodes.test(code)) {
    const fault = faultOfCertificate[code]
    return fault ?? `this client does not trust the certificate there (${code}): ${TRUST}`
  }
  const ending = Object.keys(faultOfHandshake).find(
    (end) => code.startsWith('ERR_SSL_') && code.endsWith(end),
  )
  return ending === undefined ? undefined : faultOfHandshake[ending]
}

/** Tells the names that the certificate has, which Node hands over with the error. */
function namesOf(error: Error): string {
  const { cert } = error as { readonly cert?: { readonly subjectaltname?: unknown } }
  return typeof cert?.subjectaltname === 'string' ? `, but for ${cert.subjectaltname}` : ''
}

/** Makes the failure for a TLS server that knows nothing of this protocol. */
export function speaksAnotherProtocol(at: string): MillraceError {
  return tlsFailed(at, faultOfHandshake.ALERT_NO_APPLICATION_PROTOCOL!)
}

/** Returns the failure of a plaintext connection whose first bytes are those of TLS, if they are. */
export function asPlaintextFailure(firstBytes: Uint8Array, at: string): MillraceError | undefined {
  if (!TLS_RECORD_TYPES.includes(firstBytes[0]!) || firstBytes[1] !== TLS_MAJOR_VERSION) return undefined
  return tlsFailed(at, 'the broker there speaks TLS; use millraces://')
}

function tlsFailed(at: string, sentence: string, cause?: Error): MillraceError {
  const message = endSentence(`No connection to ${at}: ${sentence}`)
  return new MillraceError('tlsFailed', message, cause === undefined ? {} : { cause })
}
