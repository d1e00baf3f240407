// What an app is told, whoever runs it: the daemon over a channel, or a verb of the command line. Types, and nothing that runs.
import type { AppLogEntry, AppOptions } from '../../protocol/apps/app-channel.ts'
import type { ConnectOptions } from '../settings.ts'
import type { CertificateFiles } from './certificate-files.ts'

/** How an app reaches its broker: what `connect` takes. */
export interface AppConnection extends Pick<ConnectOptions, 'dial' | 'token' | 'tls'> {
  readonly url: string
}

export interface AppTask {
  readonly broker: AppConnection
  /** Files of the certificate and key that the app's ports show; absent: no TLS. */
  readonly tls?: CertificateFiles | undefined
  /** The section of the table of options, under the app's own names. */
  readonly options: AppOptions
}

/** An app that serves. */
export interface ServingApp {
  /** Where it serves; for an app without a port, the url of its broker. */
  readonly url: string
  /** Lets what is under way end, then closes everything. */
  close(): Promise<void>
}

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. `tell` takes lines for the log. */
export type ServeApp = (task: AppTask, tell: (entry: AppLogEntry) => void) => Promise<ServingApp>
