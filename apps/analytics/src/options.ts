// The options of the app as the daemon and the command line give them: its section of Millrace's table of options, under its own
// names. Pure. A test holds them equal to that table.
import type { AppOptions } from 'millrace/protocol'

export interface AnalyticsOptions {
  /** Where rows go that do not fit into memory. */
  readonly spoolDir?: string | undefined
  /** Bytes that all queries may hold in memory. */
  readonly memory: number
  readonly threads: number
  /** How often it is asked whether a file from elsewhere has changed, in milliseconds. */
  readonly referenceRefresh: number
  /** Bytes that such a file may have. */
  readonly referenceSize: number
}

/** Takes options that came over a channel. They were checked by the table, in this version: what is missing is a defect. */
export function analyticsOptionsIn(options: AppOptions): AnalyticsOptions {
  if (options['memory'] !== undefined) return options as unknown as AnalyticsOptions
  throw new Error('Options are missing: memory. The app and millrace must have one version.')
}
