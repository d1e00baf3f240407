// Chunks: the same bytes and the same recipe give the same records.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { makeChunk, type ChunkRecipe } from '../../src/flows/chunk.ts'
import { PatternTooSlow } from '../../src/processing/matching-deadline.ts'

const recipe: ChunkRecipe = {
  madeAt: 1_767_225_600_000,
  seed: 'c0ffee',
  keys: 'one',
  processing: [],
  dataBytesMax: 1000,
  truncationTerminator: '\n',
}
const bytes = (...lines: string[]) => lines.map((line) => Buffer.from(line))
const texts = ({ records }: ReturnType<typeof makeChunk>) =>
  records.map(({ data }) => Buffer.from(data).toString())

describe('makeChunk', () => {
  it('gives all records of a chunk one key, so that they keep the order of the file', () => {
    const { records, bytes: size } = makeChunk([bytes('a\n', 'b\n'), bytes('c')], recipe)
    expect(records.map(({ partitionKey, timestamp }) => [partitionKey, timestamp])).toEqual(
      Array(3).fill(['c0ffee', recipe.madeAt]),
    )
    expect(size).toBe(5)
  })

  it('gives each record a key of its own where it is asked to, and the MD5 of its data', () => {
    const each = makeChunk([bytes('a\n', 'a\n')], { ...recipe, keys: 'each' }).records.map(
      ({ partitionKey }) => partitionKey,
    )
    expect(new Set(each).size).toBe(2)
    const [first, second] = makeChunk([bytes('a\n', 'a\n')], { ...recipe, keys: 'md5' }).records
    expect(first!.partitionKey).toBe(createHash('md5').update('a\n').digest('hex'))
    expect(second!.partitionKey).toBe(first!.partitionKey)
  })

  it('stops a pattern of the processing that takes exponential time, and skips nothing for it', () => {
    const lines = bytes(`${'a'.repeat(60)}!\n`)
    const log = { type: 'log-to-json', format: 'SYSLOG', fields: ['x'], isPretty: false } as const
    for (const processing of [
      [{ ...log, pattern: '((?:a+)+)(?!c)b' }],
      [{ type: 'csv-to-json', fields: ['x'], delimiter: '(?i)(?:a+)+b', isPretty: false } as const],
    ])
      expect(() => makeChunk([lines], { ...recipe, processing })).toThrow(PatternTooSlow)
  })

  it('is the same each time that it is made', () => {
    const made = () =>
      makeChunk([bytes('a,b\n', 'no match', 'c,d\n')], {
        ...recipe,
        keys: 'each',
        processing: [{ type: 'csv-to-json', fields: ['x', 'y'], delimiter: ',', isPretty: false }],
      })
    expect(made()).toEqual(made())
    expect(texts(made())).toEqual([
      '{"x":"a","y":"b"}\n',
      '{"x":"no match","y":null}\n',
      '{"x":"c","y":"d"}\n',
    ])
  })

  it('skips and counts what processing does not take', () => {
    const chunk = makeChunk([bytes('x\n', 'Mar 12 12:00:08 host sshd[7]: in\n')], {
      ...recipe,
      processing: [
        { type: 'log-to-json', format: 'SYSLOG', fields: ['a', 'b', 'c', 'd', 'e'], isPretty: false },
      ],
    })
    expect(chunk.skipped).toBe(1)
    expect(texts(chunk)).toEqual(['{"a":"Mar 12 12:00:08","b":"host","c":"sshd","d":"7","e":"in"}\n'])
  })

  it('cuts what processing made too large, and ends it in the terminator', () => {
    const chunk = makeChunk([bytes('123456789\n')], {
      ...recipe,
      dataBytesMax: 8,
      truncationTerminator: '…\n',
      processing: [{ type: 'add-brackets' }],
    })
    expect(texts(chunk)).toEqual(['{123…\n'])
    expect(chunk.cut).toBe(1)
  })

  it('leaves no half character of UTF-8 where it cuts', () => {
    const cut = (dataBytesMax: number) =>
      makeChunk([bytes('äöü€😀\n')], {
        ...recipe,
        dataBytesMax,
        truncationTerminator: '\n',
        processing: [{ type: 'add-brackets' }],
      })
    for (let most = 2; most < 14; most++) expect(texts(cut(most))[0]).toMatch(/^\{ä?ö?ü?€?\n$/)
  })
})
