// The options of the app, held against Millrace's table of options: neither says something that the other does not.
import { expect, expectTypeOf, it } from 'vitest'
import { appOptions } from '../../../broker/config/apps/app-options.ts'
import type { deliveryOptions } from '../../../broker/config/apps/delivery-options.ts'
import type { Config } from '../../../broker/config/derive.ts'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { deliveryOptionsIn, type DeliveryOptions } from '../src/options.ts'

type InApp<N extends string> = N extends `delivery${infer Rest}` ? Uncapitalize<Rest> : never
type Section = { readonly [N in keyof typeof deliveryOptions as InApp<N>]: Config[N] }

it('the options of the app are those of the table, of the same kinds', () => {
  expectTypeOf<Required<DeliveryOptions>>().toEqualTypeOf<Required<Section>>()
})

it('the options of the app have the defaults of the table, where nothing is said', () => {
  expect(deliveryOptionsIn(appOptions(resolveConfig({ flags: {} }).values, 'delivery'))).toEqual({
    spoolBytes: 2 ** 30,
  })
})

it('options that are missing are a defect, which says that versions differ', () => {
  expect(() => deliveryOptionsIn({})).toThrow('must have one version')
})
