// What a function with an output stream may answer with, and what fails its call.
import { describe, expect, it } from 'vitest'
import { AnswerFault, takeOutput } from '../../src/output/answer.ts'
import type { PackedRecords } from '../../src/output/packed-records.ts'

const keyOf = (index: number, count: number): string => `key ${index} of ${count}`

function unpacked({ count, bytes, ends, partitionKeys }: PackedRecords): [key: string, data: string][] {
  expect(ends).toHaveLength(count)
  return partitionKeys.map((key, i) => [
    key,
    Buffer.from(bytes.subarray(ends[i - 1] ?? 0, ends[i])).toString(),
  ])
}

describe('an answer', () => {
  it.each<[string, unknown, [string, string][], unknown]>([
    ['null', null, [], null],
    ['nothing', undefined, [], null],
    ['an object without records', { batchItemFailures: [] }, [], { batchItemFailures: [] }],
    ['records that are null', { records: null, state: { a: 1 } }, [], { state: { a: 1 } }],
    [
      'records with keys',
      {
        records: [
          { partitionKey: 'a', data: 'x' },
          { partitionKey: 'b', data: { y: 1 } },
        ],
      },
      [
        ['a', 'x'],
        ['b', '{"y":1}'],
      ],
      {},
    ],
    [
      'records without keys',
      { records: [{ data: 'x' }, { partitionKey: null, data: Buffer.from('y') }] },
      [
        ['key 0 of 2', 'x'],
        ['key 1 of 2', 'y'],
      ],
      {},
    ],
    [
      'an array of values',
      ['x', { a: 1 }, 3, null, [1], ''],
      [
        ['key 0 of 6', 'x'],
        ['key 1 of 6', '{"a":1}'],
        ['key 2 of 6', '3'],
        ['key 3 of 6', 'null'],
        ['key 4 of 6', '[1]'],
        ['key 5 of 6', ''],
      ],
      null,
    ],
    ['an array of records', [{ partitionKey: 'a', data: 1 }], [['a', '1']], null],
  ])('%s is taken apart', (_, answer, records, rest) => {
    const { payload, output } = takeOutput(answer, keyOf)
    expect(unpacked(output)).toEqual(records)
    expect(payload).toEqual(rest)
  })

  const circle: unknown[] = []
  circle.push(circle)
  it.each<[string, unknown]>([
    ['a text', 'done'],
    ['a number', 7],
    ['records that are no array', { records: 'x' }],
    ['a key that is no text', [{ partitionKey: 7, data: 'x' }]],
    ['an empty key', [{ partitionKey: '', data: 'x' }]],
    ['a key that is too long', [{ partitionKey: 'k'.repeat(257), data: 'x' }]],
    ['a record that is undefined', [undefined]],
    ['a record without JSON', [{ data: () => {} }]],
    ['a record that holds itself', circle],
    ['a big integer', [1n]],
  ])('%s fails the call', (_, answer) => {
    expect(() => takeOutput(answer, keyOf)).toThrow(AnswerFault)
  })
})
