// What a daemon and an app that it runs say to each other, over the channel between their processes. Types, and nothing that
// runs: an app reads them by the name of the package. A message is one JSON value. The daemon's first one is `start`; the app
// answers it by `ready` or `failed`. The app ends when the channel closes, and closes in good order on SIGTERM.

/** The app's options, under their names in its section of the option table: `port` for `--kinesis-port`. Durations in milliseconds. */
export type AppOptions = Readonly<Record<string, string | number | boolean | undefined>>

/** How an app reaches the daemon's broker. */
export interface AppBroker {
  readonly url: string
  /** File of the authority that signed the broker's certificate; absent: those that Node trusts, or no TLS. */
  readonly ca?: string
  /** The name in that certificate, where it is not in the url. */
  readonly serverName?: string
  /** Who the app is: a token of its own, which ends with this life of the app. Absent where the broker is open. */
  readonly token?: string
}

/** All that an app is told. */
export interface AppStart {
  readonly type: 'start'
  readonly broker: AppBroker
  /** Files of the certificate and key that the app's ports show; absent: no TLS. They may be replaced at any time. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
  readonly options: AppOptions
}

export interface AppLogEntry {
  readonly type: 'log'
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  /** What the line is about. */
  readonly fields?: Readonly<Record<string, unknown>>
}

export type AppMessage =
  /** The app serves, at this url. */
  | { readonly type: 'ready'; readonly url: string }
  /** The app cannot serve: a sentence that says why. It ends. */
  | { readonly type: 'failed'; readonly message: string }
  /** For the daemon's log. */
  | AppLogEntry
