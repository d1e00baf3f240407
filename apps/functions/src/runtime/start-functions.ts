// Functions of a broker, ready to be called: definitions followed, modules in threads, the log, and the port where they are called.
// Composition root of what runs functions; runs in the app.
import { randomBytes, randomUUID } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'millrace'
import { readCertificate, RenewedCertificate, type CertificateFiles } from 'millrace/app'
import { functionKinds, type FunctionDefinition, type FunctionEndpoint } from 'millrace/protocol'
import { FunctionLog } from '../logs/function-log.ts'
import { LogStream } from '../logs/log-stream.ts'
import type { FunctionsOptions } from '../options.ts'
import { EndpointAnnouncement } from '../wire/endpoint-announcement.ts'
import { EventCalls } from '../wire/event-calls.ts'
import { HttpTargets } from '../wire/http-targets.ts'
import { InvokePort } from '../wire/invoke-port.ts'
import { wireLimits } from '../wire/limits.ts'
import { functionArn } from './function-environment.ts'
import { Functions } from './functions.ts'
import { runtimeLimits } from './limits.ts'
import { watchModule } from './module-watch.ts'

export interface StartFunctionsOptions {
  readonly client: Client
  readonly options: FunctionsOptions
  /** Files of the certificate that the port shows; undefined: no TLS. */
  readonly tls: CertificateFiles | undefined
  /** Takes what an operator should know. */
  readonly tell: (message: string, error?: unknown) => void
}

export interface StartedFunctions {
  readonly functions: Functions
  /** Where they are called. */
  readonly url: string
  /** Lets calls under way end, then closes everything but the client. */
  close(): Promise<void>
}

const ID_BYTES = 12
const SECRET_BYTES = 32

/** Starts everything; rejects where the port cannot be opened or the broker cannot be asked. */
export async function startFunctions({
  client,
  options,
  tls,
  tell,
}: StartFunctionsOptions): Promise<StartedFunctions> {
  const closers: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).toReversed()) await closeOne()
  }
  try {
    const now = Date.now
    const book = await client.documents<FunctionDefinition>(functionKinds.functions).keep({
      onLost: (error) => tell('The definitions of functions are followed anew.', error),
    })
    closers.push(() => book.close())
    const sink = new LogStream({ client, now, tell })
    closers.push(() => sink.close())
    const log = new FunctionLog({ sink, now })
    const functions = new Functions({
      book,
      log,
      http: new HttpTargets(),
      watch: watchModule,
      threads: options.threads ?? availableParallelism(),
      limits: runtimeLimits,
      monotonic: () => performance.now(),
      newId: randomUUID,
    })
    closers.push(() => functions.close())
    book.onChange((name, definition) => {
      if (definition !== undefined) return
      functions.forget(name)
      log.forget(name)
    })
    const url = await openPort({ client, options, tls, tell, functions, book, closers, now })
    return { functions, url, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface PortParts extends StartFunctionsOptions {
  readonly functions: Functions
  readonly book: { get(name: string): FunctionDefinition | undefined }
  readonly closers: (() => Promise<void> | void)[]
  readonly now: () => number
}

/** Opens the port and says where it is; what closes them is put to the rest. */
async function openPort({
  client,
  options,
  tls,
  tell,
  functions,
  book,
  closers,
  now,
}: PortParts): Promise<string> {
  const events = new EventCalls({
    call: (name, payload) => functions.call(name, { kind: 'json', payload }),
    eventsMax: wireLimits.eventsMax,
    now,
    wait: (ms, signal) => sleep(ms, undefined, { signal }),
    tell,
  })
  closers.push(() => events.close())
  const certificate = tls && (await readCertificate(tls))
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  const port = await InvokePort.open({
    ...options,
    certificate,
    secret,
    limits: wireLimits,
    functions,
    events,
    arnOf: functionArn,
    isThere: (name) => book.get(name) !== undefined,
  })
  closers.push(() => port.close())
  if (tls !== undefined && certificate !== undefined) {
    const renewed = new RenewedCertificate({
      files: tls,
      known: certificate,
      renew: (found) => port.renew(found),
      onFault: (error) => tell('The certificate cannot be renewed.', error),
    })
    closers.push(() => renewed.close())
  }
  const url = `${tls === undefined ? 'http' : 'https'}://${reachable(options.host)}:${port.port}`
  const announcement = await EndpointAnnouncement.open({
    documents: client.documents<FunctionEndpoint>(functionKinds.endpoints),
    name: randomBytes(ID_BYTES).toString('hex'),
    url,
    secret,
    now,
    every,
    tell,
  })
  closers.push(() => announcement.close())
  return url
}

/** A host that others find: an address that stands for all of a machine's is none. */
function reachable(host: string): string {
  const named = host === '0.0.0.0' || host === '::' ? hostname() : host
  return named.includes(':') ? `[${named}]` : named
}

function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms)
  return () => clearInterval(timer)
}
