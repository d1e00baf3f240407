// The guide names what the code has: each operator of filters, and the defaults that it speaks of.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { mappingFields } from '../../src/definitions/fields.ts'
import { filterOperators, compileFilters } from 'millrace/protocol'

const guide = readFileSync(new URL('../../../../docs/functions/guide.md', import.meta.url), 'utf8')

it('has each operator, with an example that is a pattern', () => {
  for (const name of [...Object.keys(filterOperators), 'exists', '$or'])
    expect(guide).toContain(`\`${name}\``)
  const patterns = [...guide.matchAll(/`(\{"data": .*?\})` /g)].map(([, pattern]) => pattern!)
  const leaves = [...guide.matchAll(/`(\[\{".*?\])` /g)].map(([, leaf]) => `{"data":{"f":${leaf!}}}`)
  expect(patterns.length).toBeGreaterThan(2)
  expect(leaves.length).toBeGreaterThan(4)
  for (const pattern of [...patterns, ...leaves]) expect(() => compileFilters([pattern])).not.toThrow()
})

it('says the defaults as they are', () => {
  const { batchSize, batchWindowMs, parallelizationFactor, retriesMax, recordAgeMaxMs } = mappingFields
  expect([
    batchWindowMs.default,
    parallelizationFactor.default,
    retriesMax.default,
    recordAgeMaxMs.default,
  ]).toEqual([0, 1, -1, -1])
  expect(guide).toContain(
    `batches of ${batchSize.default}, no window, one lane, retries and age without bound`,
  )
})
