// What a configuration can be refused with, and where its values come from. Runs anywhere, pure.

/** A configuration that cannot be used. The message is one sentence for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Where a value came from. */
export interface Origin {
  readonly source: 'flag' | 'environment' | 'file' | 'setting' | 'default'
  /** What to look for there: `--port`, `MILLRACE_PORT`, `port in /etc/millrace.json`, `default`. */
  readonly name: string
}
