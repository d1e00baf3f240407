// The app as the daemon and the command line run it. Composition root.
import { randomUUID } from 'node:crypto'
import { connect } from 'millrace'
import { HiddenDocuments, type ServeApp } from 'millrace/app'
import { functionKinds } from 'millrace/protocol'
import { Mappings } from './mapping/mappings.ts'
import { functionsOptionsIn } from './options.ts'
import { functionArn } from './runtime/function-environment.ts'
import { startFunctions } from './runtime/start-functions.ts'

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. */
export const serveApp: ServeApp = async ({ broker, options, tls }, tell) => {
  const settings = functionsOptionsIn(options)
  const { url, ...access } = broker
  const client = await connect(url, {
    ...access,
    clientName: 'millrace-functions',
    log: ({ level, message, error }) =>
      tell({ type: 'log', level, message, ...(error !== undefined && { fields: { error: String(error) } }) }),
  })
  const warn = (message: string, error?: unknown): void =>
    tell({
      type: 'log',
      level: 'warn',
      message,
      ...(error !== undefined && { fields: { error: error instanceof Error ? error.message : error } }),
    })
  // What was opened last is closed first.
  const closers: (() => Promise<void>)[] = [() => client.close()]
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).toReversed()) await closeOne()
  }
  try {
    const started = await startFunctions({ client, options: settings, tls, tell: warn })
    closers.push(() => started.close())
    const mappings = await Mappings.open({
      client,
      invoker: started.functions,
      openWriter: (stream) => client.preparedWriter(stream),
      post: postJson,
      functionArn,
      now: Date.now,
      random: Math.random,
      uuid: randomUUID,
      warn,
    })
    closers.push(() => mappings.close())
    const hidden = await HiddenDocuments.open({
      client,
      kinds: [functionKinds.mappings, functionKinds.functions],
      warn,
      now: Date.now,
    })
    closers.push(() => hidden.close())
    return { url: started.url, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function postJson(url: string, body: string, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(POST_MS)])
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: limit,
  })
  // What it says is of no use, and keeps the connection busy until it is read.
  await answer.body?.cancel()
  return answer.status
}

/** How long a failure destination may take to answer. */
const POST_MS = 30_000
