// The options of the app as the daemon and the command line give them: its section of Millrace's table of options, under its own
// names. Pure. A test holds them equal to that table.
import type { AppOptions } from 'millrace/protocol'

export interface FunctionsOptions {
  readonly host: string
  readonly port: number
  readonly threads?: number | undefined
}

/** Takes options that came over a channel. They were checked by the table, in this version: what is missing is a defect. */
export function functionsOptionsIn(options: AppOptions): FunctionsOptions {
  const missing = ['host', 'port'].filter((name) => options[name] === undefined)
  if (missing.length === 0) return options as unknown as FunctionsOptions
  throw new Error(`Options are missing: ${missing.join(', ')}. The app and millrace must have one version.`)
}
