// The options of the app, held against Millrace's table of options: neither says something that the other does not.
import { describe, expect, expectTypeOf, it } from 'vitest'
import { appOptions } from '../../../broker/config/apps/app-options.ts'
import type { kinesisOptions } from '../../../broker/config/apps/kinesis-options.ts'
import type { Config } from '../../../broker/config/derive.ts'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { kinesisOptionsIn, settingsOf, type KinesisOptions } from '../src/options.ts'
import { endpointDefaults } from '../src/settings.ts'

type InApp<N extends string> = N extends `kinesis${infer Rest}` ? Uncapitalize<Rest> : never
type Section = { readonly [N in keyof typeof kinesisOptions as InApp<N>]: Config[N] }

const options = (flags: Readonly<Record<string, string>> = {}): KinesisOptions =>
  kinesisOptionsIn(appOptions(resolveConfig({ flags }).values, 'kinesis'))

describe('the options of the app', () => {
  it('are those of the table, of the same kinds', () => {
    expectTypeOf<Required<KinesisOptions>>().toEqualTypeOf<Section>()
  })

  it('come to the defaults of an endpoint, where nothing is said', () => {
    expect(settingsOf(options())).toEqual(endpointDefaults)
  })

  it('come to its settings, each of them', () => {
    const given = {
      kinesisRegion: 'eu-central-1',
      kinesisAccount: '123456789012',
      kinesisStateDelay: '2s',
      kinesisLimits: 'kinesis',
      kinesisRules: 'millrace',
    }
    expect(settingsOf(options(given))).toEqual({
      ...endpointDefaults,
      region: 'eu-central-1',
      regionDefault: 'eu-central-1',
      account: '123456789012',
      stateDelayMs: 2000,
      limits: 'kinesis',
      rules: 'millrace',
    })
  })

  it('of another version are refused, with what is missing', () => {
    expect(() => kinesisOptionsIn({ port: 4567, host: '127.0.0.1' })).toThrow(/auth, account, stateDelay/)
  })
})
