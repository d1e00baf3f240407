// The error that refuses a configuration, and the origin of a value. Runs anywhere; pure.

import { hideTokens } from '../../protocol/text/hidden-tokens.ts'

/** A configuration that cannot be used. The message is one sentence for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(message: string, options?: ErrorOptions) {
    super(hideTokens(message), options)
  }
}

/** Where a value came from. */
export interface Origin {
  readonly source: 'flag' | 'environment' | 'file' | 'setting' | 'default'
  /** The name of the value in its source: `--port`, `MILLRACE_PORT`, `port in /etc/millrace.json`, `default`. */
  readonly name: string
}
