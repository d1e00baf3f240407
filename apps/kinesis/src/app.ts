// The app as the daemon and the command line run it: an endpoint by the options of the table. Composition root over endpoint.ts.
import { inspect } from 'node:util'
import type { ServeApp } from 'millrace/app'
import type { AppLogEntry } from 'millrace/protocol'
import { createKinesisEndpoint } from './endpoint.ts'
import { kinesisOptionsIn, settingsOf } from './options.ts'
import type { EndpointLog } from './parts.ts'

/** Serves until `close`. Rejects with a sentence for the operator where the broker refuses or the port cannot be opened. */
export const serveApp: ServeApp = async (task, tell) => {
  const options = kinesisOptionsIn(task.options)
  const { host, port, auth } = options
  try {
    return await createKinesisEndpoint({
      broker: task.broker,
      host,
      port,
      auth,
      settings: settingsOf(options),
      log: logTo(tell),
      ...(task.tls && { tls: task.tls }),
    })
  } catch (error) {
    throw listenFailure(error, { host, port }) ?? error
  }
}

function logTo(tell: (entry: AppLogEntry) => void): EndpointLog {
  return ({ level, message, error, requestId }) => {
    const fields = {
      ...(requestId !== undefined && { requestId }),
      // A stack says more of a defect than its message; it is for the log alone.
      ...(error !== undefined && { error: inspect(error) }),
    }
    tell({ type: 'log', level, message, ...(Object.keys(fields).length > 0 && { fields }) })
  }
}

function listenFailure(
  cause: unknown,
  at: { readonly host: string; readonly port: number },
): Error | undefined {
  const { code } = cause as NodeJS.ErrnoException
  const where = `${at.host}:${at.port}`
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use, perhaps by another endpoint; choose another port.`,
    EACCES: `This user may not listen on ${where}; choose a port above 1023.`,
    EADDRNOTAVAIL: `${at.host} is not an address of this machine; choose another host.`,
    ENOTFOUND: `${at.host} is not a known name; choose another host.`,
  }
  const message = reasons[code ?? '']
  return message === undefined ? undefined : new Error(message, { cause })
}
