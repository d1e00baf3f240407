// Records from inputs: the key from the right place, the data as the bytes of its line, and a reason for what is neither.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCsv } from '../../cli/input/csv-reader.ts'
import { recordReaderOf } from '../../cli/input/record-options.ts'
import {
  isInvalid,
  readLines,
  readNdjson,
  type InvalidLine,
  type RecordReader,
} from '../../cli/input/record-reader.ts'
import { limits } from '../../protocol/limits.ts'

interface Outcome {
  readonly records: readonly (readonly [key: string, data: string])[]
  readonly invalid: readonly InvalidLine[]
}

async function readAll(reader: RecordReader, ...chunks: (string | Uint8Array)[]): Promise<Outcome> {
  async function* source() {
    await Promise.resolve()
    for (const chunk of chunks) yield Buffer.from(chunk as string)
  }
  const records: [string, string][] = []
  const invalid: InvalidLine[] = []
  for await (const items of reader(source())) {
    for (const item of items) {
      if (isInvalid(item)) invalid.push(item)
      else records.push([item.partitionKey, Buffer.from(item.data).toString('latin1')])
    }
  }
  return { records, invalid }
}

describe('readLines', () => {
  it('spreads lines by their number, or puts all under one key', async () => {
    expect((await readAll(readLines({ partitionKey: undefined }), 'a\nb')).records).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ])
    expect((await readAll(readLines({ partitionKey: 'k' }), 'a\n\n')).records).toEqual([
      ['k', 'a'],
      ['k', ''],
    ])
  })

  it('counts the key, as the broker does', async () => {
    const reader = readLines({ partitionKey: 'kk' })
    const fits = 'x'.repeat(limits.recordBytesMax - 2)
    expect((await readAll(reader, fits)).records).toHaveLength(1)
    expect((await readAll(reader, `${fits}x`)).invalid).toHaveLength(1)
  })

  it('names a line that is longer than a record may be, and goes on after it', async () => {
    const long = 'x'.repeat(limits.recordBytesMax + 1)
    const { records, invalid } = await readAll(readLines({ partitionKey: undefined }), `a\n${long}\nb`)
    expect(records).toEqual([
      ['1', 'a'],
      ['3', 'b'],
    ])
    expect(invalid).toEqual([{ line: 2, reason: expect.stringMatching(/^longer than \d+ bytes/) as string }])
  })
})

describe('readNdjson', () => {
  const reader = readNdjson({ keyField: 'user' })

  it('takes the key from the field and leaves the line alone, spaces and all', async () => {
    const { records } = await readAll(reader, '{ "user" : "ada" }\r\n\n{"user":7}\n{"user":true}')
    expect(records).toEqual([
      ['ada', '{ "user" : "ada" }\r'],
      ['7', '{"user":7}'],
      ['true', '{"user":true}'],
    ])
  })

  it('follows dots into nested objects, unless a field is named so', async () => {
    const nested = readNdjson({ keyField: 'a.b' })
    const { records } = await readAll(nested, '{"a":{"b":"deep"}}\n{"a.b":"flat","a":{"b":"deep"}}')
    expect(records.map(([key]) => key)).toEqual(['deep', 'flat'])
  })

  it('names the line and the reason of what is no record, and goes on', async () => {
    const lines = [
      '{',
      '[]',
      '{"other":1}',
      '{"user":""}',
      '{"user":{}}',
      '{"user":null}',
      '7',
      '{"user":"ok"}',
    ]
    const long = `{"user":"${'x'.repeat(257)}"}`
    const { records, invalid } = await readAll(reader, [...lines, long].join('\n'))
    expect(records.map(([key]) => key)).toEqual(['ok'])
    expect(invalid).toEqual([
      { line: 1, reason: 'not a JSON value' },
      { line: 2, reason: 'no field user' },
      { line: 3, reason: 'no field user' },
      { line: 4, reason: 'field user is empty' },
      { line: 5, reason: 'field user is not a string or a number' },
      { line: 6, reason: 'no field user' },
      { line: 7, reason: 'not a JSON object' },
      { line: 9, reason: 'field user is longer than 256 characters' },
    ])
  })
})

describe('readCsv', () => {
  const reader = readCsv({ keyColumn: 'city', delimiter: ',', asJson: false })

  it('stores each row as it stands in the file: quotes, inner line feeds and odd bytes', async () => {
    const odd = Buffer.from([0xff, 0xfe])
    const { records, invalid } = await readAll(
      reader,
      'city,n\r\n"Oslo, ',
      'NO","a\nb"\r\nRome,',
      odd,
      '\r\n',
    )
    expect(invalid).toEqual([])
    expect(records).toEqual([
      ['Oslo, NO', '"Oslo, NO","a\nb"'],
      ['Rome', 'Rome,\xff\xfe'],
    ])
  })

  it('reads keys as UTF-8 and looks past a byte order mark', async () => {
    const { records } = await readAll(reader, Buffer.from('\ufeffcity\nMünchen\n'))
    expect(records.map(([key]) => key)).toEqual(['München'])
  })

  it('can store objects instead', async () => {
    const asJson = readCsv({ keyColumn: 'city', delimiter: ';', asJson: true })
    const { records } = await readAll(asJson, Buffer.from('city;n\nKöln;3\n'))
    expect(JSON.parse(Buffer.from(records[0]![1], 'latin1').toString('utf8'))).toEqual({
      city: 'Köln',
      n: '3',
    })
  })

  it('names a missing column and a malformed row', async () => {
    await expect(readAll(reader, 'town,n\na,1\n')).rejects.toThrow('no column city among town, n')
    const { records, invalid } = await readAll(reader, 'city,n\na,1\nb,2,3\n')
    expect(records).toHaveLength(1)
    expect(invalid).toEqual([
      { line: 3, reason: expect.stringContaining('columns length is 2, got 3') as string },
    ])
  })

  it.each([
    ['a quote that is never closed', 'city,n\na,1\nb,"2\nc,3\n', 'Quote Not Closed'],
    ['text after a closing quote', 'city,n\na,1\n"b"x,2\nc,3\n', 'Quote Not Closed'],
    [
      'a row above the limit',
      `city,n\na,1\nb,${'x'.repeat(limits.recordBytesMax + 1)}\nc,3\n`,
      'Max Record Size',
    ],
  ])('says that what follows cannot be read after %s', async (_, text, reason) => {
    const { records, invalid } = await readAll(reader, text)
    expect(records.map(([key]) => key)).toEqual(['a'])
    expect(invalid.at(-1)).toMatchObject({
      reason: expect.stringContaining(reason) as string,
      endsReading: true,
    })
  })

  it('gives the same rows however the file is cut into chunks', async () => {
    const text = 'city,n\r\na,"1\r\n2"\r\nb,"x""y"\r\nc,\r\n'
    const whole = await readAll(reader, text)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: text.length }), { maxLength: 6 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length]
        const chunks = places.slice(1).map((end, index) => text.slice(places[index], end))
        expect(await readAll(reader, ...chunks)).toEqual(whole)
      }),
      { numRuns: 50 },
    )
  })
})

describe('recordReaderOf', () => {
  it('takes a tab by its name, as nobody can type one', async () => {
    const reader = recordReaderOf({ keyColumn: 'city', delimiter: '\\t' })
    expect((await readAll(reader, 'city\tn\nRome\t1\n')).records).toEqual([['Rome', 'Rome\t1']])
  })

  it.each(['', ';;', '"', '\n', '¦'])('refuses %j as a delimiter', (delimiter) => {
    expect(() => recordReaderOf({ keyColumn: 'city', delimiter })).toThrow('--delimiter')
  })
})
