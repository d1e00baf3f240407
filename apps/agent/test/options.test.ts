// The options of the app, held against Millrace's table of options: neither says something that the other does not.
import { expect, expectTypeOf, it } from 'vitest'
import { appOptions } from '../../../broker/config/apps/app-options.ts'
import type { agentOptions } from '../../../broker/config/apps/agent-options.ts'
import type { Config } from '../../../broker/config/derive.ts'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { agentOptionsIn, type AgentOptions } from '../src/options.ts'

type InApp<N extends string> = N extends `agent${infer Rest}` ? Uncapitalize<Rest> : never
type Section = { readonly [N in keyof typeof agentOptions as InApp<N>]: Config[N] }

it('the options of the app are those of the table, of the same kinds', () => {
  expectTypeOf<Required<AgentOptions>>().toEqualTypeOf<Required<Section>>()
})

it('the options of the app have the defaults of the table, where nothing is said', () => {
  expect(agentOptionsIn(appOptions(resolveConfig({ flags: {} }).values, 'agent'))).toEqual({
    config: '/etc/aws-kinesis/agent.json',
    host: '127.0.0.1',
    port: 7482,
  })
})

it('options that are missing are a defect, which says that versions differ', () => {
  expect(() => agentOptionsIn({})).toThrow('must have one version')
})
