// The options of the app, held against Millrace's table of options: neither says something that the other does not.
import { expect, expectTypeOf, it } from 'vitest'
import { appOptions } from '../../../broker/config/apps/app-options.ts'
import type { analyticsOptions } from '../../../broker/config/apps/analytics-options.ts'
import type { Config } from '../../../broker/config/derive.ts'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { analyticsOptionsIn, type AnalyticsOptions } from '../src/options.ts'

type InApp<N extends string> = N extends `analytics${infer Rest}` ? Uncapitalize<Rest> : never
type Section = { readonly [N in keyof typeof analyticsOptions as InApp<N>]: Config[N] }

it('the options of the app are those of the table, of the same kinds', () => {
  expectTypeOf<Required<AnalyticsOptions>>().toEqualTypeOf<Required<Section>>()
})

it('the options of the app have the defaults of the table, where nothing is said', () => {
  expect(analyticsOptionsIn(appOptions(resolveConfig({ flags: {} }).values, 'analytics'))).toEqual({
    memory: 1024 ** 3,
    threads: 1,
    referenceRefresh: 60_000,
    referenceSize: 256 * 1024 ** 2,
  })
})

it('options that are missing are a defect, which says that versions differ', () => {
  expect(() => analyticsOptionsIn({})).toThrow('must have one version')
})
