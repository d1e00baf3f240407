// Definitions: what is refused, with its place, and what is filled in. The bounds are those of the table.
import { describe, expect, it } from 'vitest'
import {
  checkedFunction,
  checkedMapping,
  type FunctionInput,
  type MappingInput,
} from '../../src/definitions/checks.ts'
import { DefinitionFault } from '../../src/definitions/definition-fault.ts'
import { functionFields, mappingFields } from '../../src/definitions/fields.ts'
import { parseTarget } from '../../src/definitions/target.ts'

const mapping: MappingInput = { function: 'enrich', source: { stream: 'clicks' } }
const module: FunctionInput = { target: { type: 'module', path: '/srv/enrich.mjs', handler: 'handler' } }

function fault(make: () => unknown): { code: string; place: string } {
  try {
    make()
  } catch (error) {
    if (error instanceof DefinitionFault) return { code: error.code, place: error.place }
    throw error
  }
  throw new Error('nothing was refused')
}

describe('a mapping', () => {
  it('has the defaults of Lambda', () => {
    expect(checkedMapping(mapping)).toEqual({
      function: 'enrich',
      source: { stream: 'clicks', from: 'TRIM_HORIZON' },
      state: 'enabled',
      batchSize: 100,
      batchWindowMs: 0,
      parallelizationFactor: 1,
      retriesMax: -1,
      recordAgeMaxMs: -1,
      bisectsOnError: false,
      reportsItemFailures: false,
      tumblingWindowMs: 0,
      filters: [],
      tags: {},
    })
  })

  it.each(Object.entries(mappingFields))('%s is taken within its bounds alone', (name, field) => {
    if (field.kind === 'switch') {
      expect(fault(() => checkedMapping({ ...mapping, [name]: 1 }))).toEqual({
        code: 'invalid',
        place: name,
      })
      return
    }
    const { min, max } = field
    const fitting = [min, max, ...('also' in field ? [field.also.value] : [])]
    for (const value of fitting)
      expect(checkedMapping({ ...mapping, [name]: value })).toMatchObject({ [name]: value })
    for (const value of [min - ('also' in field ? 2 : 1), max + 1, 1.5, '1', Number.NaN]) {
      expect(fault(() => checkedMapping({ ...mapping, [name]: value }))).toEqual({
        code: 'invalid',
        place: name,
      })
    }
  })

  it.each<[string, Partial<MappingInput>]>([
    ['function', { function: 'a b' }],
    ['source.stream', { source: { stream: 'no/name' } }],
    ['source.from', { source: { stream: 'clicks', from: 'BEGIN' as never } }],
    ['to.stream', { to: { stream: 'clicks' } }],
    ['to.stream', { to: { stream: '' } }],
    ['filters', { filters: Array.from({ length: 11 }, () => '{"data":{"a":[1]}}') }],
    ['filters[1]', { filters: ['{"data":{"a":[1]}}', '{"data":{"a":1}}'] }],
    ['onFailure.url', { onFailure: { type: 'http', url: 'ftp://host' } }],
    ['onFailure.stream', { onFailure: { type: 'stream', stream: '?' } }],
    ['onFailure.stream', { onFailure: { type: 'stream', stream: 'clicks' } }],
    ['onFailure.delivery', { onFailure: { type: 'delivery', delivery: '' } }],
    ['tumblingWindowMs', { tumblingWindowMs: 1500 }],
    ['parallelizationFactor', { tumblingWindowMs: 60_000, parallelizationFactor: 2 }],
  ])('is refused with the place %s', (place, wrong) => {
    expect(fault(() => checkedMapping({ ...mapping, ...wrong }))).toEqual({ code: 'invalid', place })
  })
})

describe('a function', () => {
  it('has the defaults of Lambda', () => {
    expect(checkedFunction(module)).toEqual({
      target: { type: 'module', path: '/srv/enrich.mjs', handler: 'handler' },
      timeoutMs: functionFields.timeoutMs.default,
      memoryMiB: 128,
      isWatched: false,
      environment: {},
      tags: {},
    })
  })

  it.each<[string, Partial<FunctionInput>]>([
    ['target.path', { target: { type: 'module', path: 'enrich.mjs', handler: 'handler' } }],
    ['target.handler', { target: { type: 'module', path: '/enrich.mjs', handler: 'a b' } }],
    ['target.url', { target: { type: 'http', url: 'enrich' } }],
    ['environment.1X', { environment: { '1X': 'a' } }],
    ['environment', { environment: { NAME: 'x'.repeat(4096) } }],
    ['description', { description: 'x'.repeat(257) }],
    ['timeoutMs', { timeoutMs: 900_001 }],
  ])('is refused with the place %s', (place, wrong) => {
    expect(fault(() => checkedFunction({ ...module, ...wrong }))).toEqual({ code: 'invalid', place })
  })

  it('is written as a path from the working directory with the name of an export, or as a url', () => {
    expect(parseTarget('./enrich.mjs', '/srv/app')).toEqual({
      type: 'module',
      path: '/srv/app/enrich.mjs',
      handler: 'handler',
    })
    expect(parseTarget('/x/a.ts#lib.main', '/srv')).toEqual({
      type: 'module',
      path: '/x/a.ts',
      handler: 'lib.main',
    })
    expect(parseTarget('https://host/x#y', '/srv')).toEqual({ type: 'http', url: 'https://host/x#y' })
  })
})
