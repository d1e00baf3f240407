// The options of the app as the daemon and the command line give them: its section of Millrace's table of options, under its own
// names. Pure. A test holds them equal to that table.
import type { AppOptions } from 'millrace/protocol'

export interface DeliveryOptions {
  readonly spoolDir?: string | undefined
  readonly spoolBytes: number
}

/** Takes options that came over a channel. They were checked by the table, in this version: what is missing is a defect. */
export function deliveryOptionsIn(options: AppOptions): DeliveryOptions {
  const missing = ['spoolBytes'].filter((name) => options[name] === undefined)
  if (missing.length === 0) return options as unknown as DeliveryOptions
  throw new Error(`Options are missing: ${missing.join(', ')}. The app and millrace must have one version.`)
}
