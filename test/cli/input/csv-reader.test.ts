// Rows of CSV as records: whatever ends the lines and wherever the chunks are cut, the same rows with the same keys.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCsv } from '../../../cli/input/csv-reader.ts'
import { limits } from '../../../protocol/limits.ts'
import { cutAt, readAll } from '../support/read-all.ts'

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

  it('reads keys as UTF-8', async () => {
    const { records } = await readAll(reader, Buffer.from('city\nMünchen\n'))
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
    expect(invalid).toEqual([{ line: 3, reason: '3 fields, where the heading has 2' }])
  })

  it.each([
    ['a quote that is never closed', 'city,n\na,1\nb,"2\nc,3\n', 'a quote is never closed'],
    ['text behind a closing quote', 'city,n\na,1\n"b"x,2\nc,3\n', 'text stands behind a closing quote'],
    [
      'quotes around more than a record holds',
      `city,n\na,1\nb,"${'x'.repeat(limits.recordBytesMax + 1)}"\nc,3\n`,
      'in quotes, and longer than',
    ],
  ])('says that what follows cannot be read after %s', async (_, text, reason) => {
    const { records, invalid } = await readAll(reader, text)
    expect(records.map(([key]) => key)).toEqual(['a'])
    expect(invalid).toEqual([
      { line: 3, reason: expect.stringContaining(reason) as string, endsReading: true },
    ])
  })

  it.each([
    ['a row above the limit', 'x'.repeat(limits.recordBytesMax + 1), 'longer than'],
    ['a quote in the middle of a field', '5" pipe', 'a quote stands in a field'],
  ])('goes on after %s', async (_, field, reason) => {
    const { records, invalid } = await readAll(reader, `city,n\na,1\nb,${field}\nc,3\n`)
    expect(records.map(([key]) => key)).toEqual(['a', 'c'])
    expect(invalid).toEqual([{ line: 3, reason: expect.stringContaining(reason) as string }])
  })

  it.each([
    'city,n\r\nada,1\r\nbob,2\r\n',
    'city,n\nada,1\r\nbob,2\n',
    'city,n\r\nada,1\nbob,2\r\n',
    'city,n\rada,1\rbob,2',
    'city,n\nada,1\rbob,2\r\n',
    'city,n\r\r\nada,1\r\r\nbob,2',
    '\n\r\n\ncity,n\n\nada,1\n\r\nbob,2\n\n',
  ])('reads the same rows from %j, whatever ends its lines', async (text) => {
    expect(await readAll(reader, text)).toEqual({
      records: [
        ['ada', 'ada,1'],
        ['bob', 'bob,2'],
      ],
      invalid: [],
    })
  })

  it.each([
    ['city,n\nada,1\r\n\n"b\r\nc",2\n', 6],
    ['city,n\r"a\rb\nc",1\r', 5],
  ])('counts the lines of %j as an editor does', async (text, line) => {
    const { invalid } = await readAll(reader, `${text}short\n`)
    expect(invalid).toEqual([{ line, reason: '1 field, where the heading has 2' }])
  })

  it.each([
    ['the key column', 'city,n,city', false],
    ['the key column, but for its case', 'city,n,City', false],
    ['the key column, but for a blank', 'city,n, city', false],
    ['a column that becomes JSON', 'city,n,n', true],
    ['a column that becomes JSON, but for case and blanks', 'city,tag,TAG ', true],
    ['a column without a name', 'city,,', true],
  ])('refuses a heading that has %s twice', async (_, heading, asJson) => {
    const twice = readCsv({ keyColumn: 'city', delimiter: ',', asJson })
    await expect(readAll(twice, `${heading}\na,b,c\n`)).rejects.toThrow(
      /^Columns \d and \d (are both named|have names that look alike).*: rename them in the heading\.$/,
    )
  })

  it('takes a heading that has another column twice, where rows are stored as they stand', async () => {
    expect(await readAll(reader, 'city,n,n\na,1,2\n')).toEqual({ records: [['a', 'a,1,2']], invalid: [] })
  })

  it('keeps the order of the columns in JSON, and names that objects take for something else', async () => {
    const asJson = readCsv({ keyColumn: 'city', delimiter: ',', asJson: true })
    const { records } = await readAll(asJson, 'city,10,__proto__,2\na,"x""y",c,\n')
    expect(records).toEqual([['a', '{"city":"a","10":"x\\"y","__proto__":"c","2":""}']])
  })

  it('names what is read as text and is none, and only that', async () => {
    const odd = Buffer.from('a,\xff\n\xff,1\n', 'latin1')
    expect(await readAll(reader, 'city,n\n', odd)).toEqual({
      records: [['a', 'a,\xff']],
      invalid: [{ line: 3, reason: 'column city is not UTF-8 text' }],
    })
    const asJson = readCsv({ keyColumn: 'city', delimiter: ',', asJson: true })
    expect((await readAll(asJson, 'city,n\n', odd)).invalid).toEqual([
      { line: 2, reason: 'column n is not UTF-8 text' },
      { line: 3, reason: 'column city is not UTF-8 text' },
    ])
    await expect(readAll(reader, odd)).rejects.toThrow(
      'The heading in line 1 cannot be read: not UTF-8 text.',
    )
  })

  it('reads back what is written by the rules, cut anywhere, whatever stands in the fields', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\r', '\n', ' ', 'é') })
    const rows = fc.array(fc.tuple(fc.string({ unit: fc.constantFrom('k', 'ü'), minLength: 1 }), field))
    const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
    const asJson = readCsv({ keyColumn: 'city', delimiter: ',', asJson: true })
    await fc.assert(
      fc.asyncProperty(rows, fc.infiniteStream(lineEnd), fc.array(fc.nat()), async (table, ends, cuts) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
        const text = table.map(([key, value]) => `${key},${quoted(value)}${ends.next().value}`).join('')
        const chunks = cutAt(Buffer.from(`city,n\n${text}`), cuts)
        const { records, invalid } = await readAll(asJson, ...chunks)
        expect(invalid).toEqual([])
        const read = records.map(([, data]) => JSON.parse(Buffer.from(data, 'latin1').toString()) as object)
        expect(read).toEqual(table.map(([city, n]) => ({ city, n })))
      }),
    )
  })

  it('gives the same records and problems however any bytes are cut', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\r', '\n', 'é'), maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat()), async (rest, cuts) => {
        const bytes = Buffer.from(`city,n\n${rest}`)
        expect(await readAll(reader, ...cutAt(bytes, cuts))).toEqual(await readAll(reader, bytes))
      }),
    )
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
