// The endpoint as a whole: a broker or one of its own, the port, and what stands between. Composition root of the app.
import { connect, type Client, type ConnectOptions } from 'millrace'
import { readCertificate, RenewedCertificate, type CertificateFiles } from 'millrace/app'
import { openGate } from './auth/open-gate.ts'
import { signedGate } from './auth/signed-gate.ts'
import { StreamBook } from './book/stream-book.ts'
import { firehoseApi } from './firehose/firehose-api.ts'
import { joinHandlers } from './handlers.ts'
import { openSeal } from './identifiers/seal.ts'
import { functionPort } from './wire/function-port.ts'
import { lambdaApi } from './lambda/lambda-api.ts'
import { leaseApi } from './leases/lease-api.ts'
import { metricsApis } from './metrics/metrics-apis.ts'
import { startLocalBroker } from './local-broker.ts'
import { pacedLog } from './log-pace.ts'
import type { EndpointLog, EndpointParts } from './parts.ts'
import { endpointDefaults, type EndpointSettings } from './settings.ts'
import { Front, type FrontOptions } from './wire/front.ts'
import { wireLimits, type WireLimits } from './wire/limits.ts'
import { kinesisApi } from './wire/kinesis-api.ts'
import { Listener, type Certificate } from './wire/listener.ts'

/** The broker that an endpoint serves, and how to reach it: what `connect` takes. */
export interface EndpointBroker extends Pick<
  ConnectOptions,
  'dial' | 'token' | 'tls' | 'requestTimeoutMs' | 'retry' | 'encryption'
> {
  readonly url: string
}

export interface KinesisEndpointOptions {
  /** Default: one of its own in this process, which ends with the endpoint and takes its records with it. */
  readonly broker?: EndpointBroker
  /** Address to listen at. Default: 127.0.0.1. */
  readonly host?: string
  /** Port; 0 for any free one. Default: 4567. */
  readonly port?: number
  /** Speaks TLS too, on the same port. */
  readonly tls?: Certificate | CertificateFiles
  /** 'sigv4': signatures are verified against the broker's access keys. Default: 'off', all may do what the endpoint may. */
  readonly auth?: 'off' | 'sigv4'
  readonly settings?: Partial<EndpointSettings>
  /** Bounds of the port, for those who know better. */
  readonly limits?: Partial<WireLimits>
  /** Default: nothing is logged. */
  readonly log?: EndpointLog
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly clock?: () => number
}

export interface EndpointLoad {
  readonly connections: number
  /** Requests that are being read, served or answered. */
  readonly requests: number
  /** Bytes of their bodies and answers. */
  readonly bytesInFlight: number
}

export interface KinesisEndpoint extends AsyncDisposable {
  /** What clients are given as their endpoint. */
  readonly url: string
  readonly port: number
  /** Url of the broker behind, for native clients. */
  readonly brokerUrl: string
  /** What clients make it hold at this time. */
  load(): EndpointLoad
  /** Lets requests in flight end, then closes everything that the endpoint opened. */
  close(): Promise<void>
}

type Closers = (() => Promise<void>)[]

const PORT = 4567

/**
 * Serves the Kinesis API:
 *
 * ```ts
 * await using endpoint = await createKinesisEndpoint({ port: 0 })
 * const kinesis = new KinesisClient({ endpoint: endpoint.url, region: 'us-east-1', credentials })
 * ```
 */
export async function createKinesisEndpoint(options: KinesisEndpointOptions = {}): Promise<KinesisEndpoint> {
  const closers: Closers = []
  try {
    return await openEndpoint(options, closers)
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

async function openEndpoint(options: KinesisEndpointOptions, closers: Closers): Promise<KinesisEndpoint> {
  const { host = '127.0.0.1', port = PORT, clock = Date.now } = options
  const log = pacedLog(options.log ?? (() => {}), () => performance.now())
  if (options.auth === 'sigv4' && options.broker?.token === undefined) throw noToken()
  const settings = Object.freeze({ ...endpointDefaults, ...options.settings })
  const limits = { ...wireLimits, ...options.limits }
  const { tls } = options
  const certificate = tls && ('cert' in tls ? tls : await readCertificate(tls))
  const broker = options.broker ?? (await ownBroker(closers))
  const own = await connectTo(broker, log)
  closers.push(() => own.close())
  const seal = await openSeal(own)
  const book = await StreamBook.open({
    own,
    settings,
    now: clock,
    log: (message, error) => log({ level: 'warn', message, error }),
  })
  closers.push(() => book.close())
  const parts: EndpointParts = { own, settings, book, seal, now: clock, log }
  const handlers = joinHandlers(parts)
  const apis = [
    ...metricsApis(options.auth !== 'sigv4', clock),
    leaseApi(parts),
    await firehoseApi({ parts, putRecords: handlers.PutRecords! }),
    lambdaApi({ parts, functionPort: functionPort(askTlsOf(broker)) }),
    kinesisApi({ handlers, log }),
  ]
  const front = new Front({ apis, ...gateOf(options, { ...parts, broker, closers }), limits, log })
  const listener = await Listener.open({ host, port, certificate, limits, serve: front.serve })
  closers.push(() => {
    front.close()
    return listener.close()
  })
  if (certificate !== undefined && tls !== undefined && 'certFile' in tls) {
    const renewed = new RenewedCertificate({
      files: tls,
      known: certificate,
      renew: (found) => {
        listener.renew(found)
        log({ level: 'info', message: 'The certificate was renewed.' })
      },
      onFault: (error) => log({ level: 'warn', message: 'The certificate cannot be renewed.', error }),
    })
    closers.push(async () => renewed.close())
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= closeAll(closers))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`,
    port: listener.port,
    brokerUrl: broker.url,
    load: () => ({
      connections: listener.connections,
      requests: front.requests,
      bytesInFlight: front.bytesInFlight,
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function ownBroker(closers: Closers): Promise<EndpointBroker> {
  const broker = await startLocalBroker()
  closers.push(() => broker.close())
  return broker
}

function noToken(): Error {
  return new Error(
    "auth: 'sigv4' needs a broker with access control, and the token of a principal that may do everything: it is asked for keys, and acts as their principals.",
  )
}

/** Says who sends a request. */
function gateOf(
  { auth = 'off' }: KinesisEndpointOptions,
  { own, settings, now, log, broker, closers }: EndpointParts & { broker: EndpointBroker; closers: Closers },
): Pick<FrontOptions, 'authenticate' | 'admit'> {
  if (auth === 'off') return { authenticate: openGate(own, settings) }
  const { gate, admit, close } = signedGate({
    own,
    settings,
    now,
    elapsed: () => performance.now(),
    connectAs: (principal) => connectTo(broker, log, principal),
  })
  closers.push(close)
  return { authenticate: gate, admit }
}

function connectTo(broker: EndpointBroker, log: EndpointLog, actAs?: string): Promise<Client> {
  return connect(broker.url, {
    ...connectOptionsOf(broker),
    ...(actAs !== undefined && { actAs }),
    clientName: 'millrace-kinesis',
    log: ({ level, message, error }) => log({ level, message, error }),
  })
}

/** How the broker's certificates are trusted, asked anew each time. */
function askTlsOf({ tls }: EndpointBroker) {
  if (tls === undefined || typeof tls === 'function') return tls
  return () => tls
}

/** What `connect` takes of a broker: it may be a value with more to it, such as a broker in this process. */
function connectOptionsOf(broker: EndpointBroker): ConnectOptions {
  const { dial, token, tls, requestTimeoutMs, retry, encryption } = broker
  return {
    ...(dial && { dial }),
    ...(token !== undefined && { token }),
    ...(tls && { tls }),
    ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
    ...(retry && { retry }),
    ...(encryption && { encryption }),
  }
}

/** Closes what was opened last first, all of it, and then says what went wrong. */
async function closeAll(closers: Closers): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers.splice(0).reverse()) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'The endpoint did not close in good order.')
}
