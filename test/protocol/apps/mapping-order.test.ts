// Of several mappings of one function, stream and consumer that are made at once, which one counts.
import { expect, it } from 'vitest'
import { MAPPING_BEING_MADE, mappingBefore, type KeptMapping } from '../../../protocol/apps/mapping-order.ts'
import type { EventSourceMapping } from '../../../protocol/apps/function-definition.ts'

/** A mapping of what is compared, which is not looked at further. */
function kept(
  name: string,
  version: number,
  { consumer, ...more }: Partial<EventSourceMapping> & { consumer?: string } = {},
): KeptMapping {
  const source = { stream: 'clicks', from: 'LATEST', ...(consumer !== undefined && { consumer }) }
  const value = { function: 'enrich', source, version: MAPPING_BEING_MADE, ...more } as EventSourceMapping
  return { name, version, value }
}

it('is the one whose document was put first, of those that are being made', () => {
  const [first, second, third] = [kept('c', 5), kept('a', 6), kept('b', 9)]
  const all = [second, third, first]
  expect(mappingBefore(all, first)).toBeUndefined()
  expect(mappingBefore([second, first], second)).toBe(first)
  expect(mappingBefore([first, third], third)).toBe(first)
})

it('is one that is made, whenever it was changed last', () => {
  const made = kept('a', 12, { version: 1 })
  expect(mappingBefore([kept('b', 6), made], kept('b', 6))).toBe(made)
})

it.each([
  ['function', { function: 'other' }],
  ['stream', { source: { stream: 'orders', from: 'LATEST' } }],
  ['consumer', { consumer: 'fast' }],
] as const)('may be there beside one of another %s', (_, other) => {
  expect(mappingBefore([kept('a', 1, { version: 3, ...other })], kept('b', 6))).toBeUndefined()
})
