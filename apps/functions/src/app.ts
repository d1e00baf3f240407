// The app as the daemon and the command line run it. Composition root.
import { connect } from 'millrace'
import type { ServeApp } from 'millrace/app'
import { functionsOptionsIn } from './options.ts'
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
  try {
    const functions = await startFunctions({
      client,
      options: settings,
      tls,
      tell: (message, error) =>
        tell({
          type: 'log',
          level: 'warn',
          message,
          ...(error !== undefined && { fields: { error: error instanceof Error ? error.message : error } }),
        }),
    })
    return {
      url: functions.url,
      close: async () => {
        await functions.close()
        await client.close()
      },
    }
  } catch (error) {
    await client.close()
    throw error
  }
}
