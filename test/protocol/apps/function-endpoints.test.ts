// Where copies of the app functions take calls: which of them live, and at which path a function is called.
import { expect, it } from 'vitest'
import {
  FUNCTION_ENDPOINT_LIFE_MS,
  invocationUrl,
  liveFunctionEndpoints,
  type FunctionEndpoint,
} from '../../../protocol/apps/function-definition.ts'

it('liveFunctionEndpoints: the one that was heard of last first, and none that is silent for too long', () => {
  const at = (renewedAt: number): FunctionEndpoint => ({
    url: `http://${renewedAt}`,
    secret: '',
    startedAt: 0,
    renewedAt,
  })
  const now = 10 * FUNCTION_ENDPOINT_LIFE_MS
  expect(
    liveFunctionEndpoints([at(now - 5), at(now - 1), at(now - FUNCTION_ENDPOINT_LIFE_MS), at(now - 3)], now),
  ).toEqual([at(now - 1), at(now - 3), at(now - 5)])
  expect(liveFunctionEndpoints([], now)).toEqual([])
})

it('invocationUrl: the path of Lambda at the port of the copy, with a name that cannot leave its place', () => {
  const endpoint = { url: 'https://127.0.0.1:7490' }
  expect(invocationUrl(endpoint, 'enrich').href).toBe(
    'https://127.0.0.1:7490/2015-03-31/functions/enrich/invocations',
  )
  expect(invocationUrl(endpoint, '../a?b').pathname).toBe('/2015-03-31/functions/..%2Fa%3Fb/invocations')
})
