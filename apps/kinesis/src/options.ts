// The options of the app as the daemon and the command line give them: its section of Millrace's table of options, under its own
// names. Pure. A test holds them equal to that table.
import type { AppOptions } from 'millrace/protocol'
import { endpointDefaults, type EndpointSettings } from './settings.ts'

/** Every option is there: the table has a default for each. */
export interface KinesisOptions {
  readonly port: number
  readonly host: string
  readonly auth: 'off' | 'sigv4'
  readonly region?: string | undefined
  readonly account: string
  /** In milliseconds. */
  readonly stateDelay: number
  readonly limits: EndpointSettings['limits']
  readonly rules: EndpointSettings['rules']
  readonly buckets?: string | undefined
}

/** Takes options that came over a channel. They were checked by the table, in this version: what is missing is a defect. */
export function kinesisOptionsIn(options: AppOptions): KinesisOptions {
  const missing = ['port', 'host', 'auth', 'account', 'stateDelay', 'limits', 'rules'].filter(
    (name) => options[name] === undefined,
  )
  if (missing.length === 0) return options as unknown as KinesisOptions
  throw new Error(`Options are missing: ${missing.join(', ')}. The app and millrace must have one version.`)
}

/** Returns what the options say of the endpoint's settings. What they do not name keeps its default. */
export function settingsOf(options: KinesisOptions): EndpointSettings {
  const { region, account, stateDelay: stateDelayMs, limits, rules, buckets } = options
  return {
    ...endpointDefaults,
    region,
    regionDefault: region ?? endpointDefaults.regionDefault,
    account,
    stateDelayMs,
    limits,
    rules,
    buckets,
  }
}
