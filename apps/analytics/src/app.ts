// The app as the daemon and the command line run it. Composition root.
import { connect } from 'millrace'
import type { ServeApp } from 'millrace/app'
import { analyticsOptionsIn } from './options.ts'

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. */
export const serveApp: ServeApp = async ({ broker, options }, tell) => {
  analyticsOptionsIn(options)
  const { url, ...access } = broker
  const client = await connect(url, {
    ...access,
    clientName: 'millrace-analytics',
    log: ({ level, message, error }) =>
      tell({ type: 'log', level, message, ...(error !== undefined && { fields: { error: String(error) } }) }),
  })
  return { url, close: () => client.close() }
}
