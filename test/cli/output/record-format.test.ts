// What goes to standard output: bytes as they were, JSON that a script can trust, rows that do not move the cursor.
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { countOf, formatBytes, formatDuration } from '../../../cli/output/amounts.ts'
import { outputStream } from '../../../cli/output/output-stream.ts'
import { recordWriter } from '../../../cli/output/record-format.ts'
import { formatFields, formatTable } from '../../../cli/output/table.ts'

const record = {
  shardId: 'shardId-000000000001',
  sequenceNumber: 42,
  partitionKey: 'ada',
  data: Buffer.from('hello'),
  bytes: Buffer.from('hello'),
  arrivalTime: new Date(0),
  timestamp: new Date(1000),
  headers: {} as Record<string, Uint8Array>,
  explicitHashKey: undefined,
}

const write = (format: 'raw' | 'json' | 'table', change: Partial<typeof record> = {}, columns?: number) =>
  Buffer.from(recordWriter(format, { columns, showsControls: false })({ ...record, ...change })).toString(
    'latin1',
  )

describe('recordWriter', () => {
  it('raw: the bytes and a line feed', () => {
    expect(write('raw', { bytes: Buffer.from([0xff, 0, 10]) })).toBe('\xff\x00\n\n')
  })

  it('json: one line, with bytes that are not text under another name', () => {
    expect(JSON.parse(write('json'))).toEqual({
      shardId: 'shardId-000000000001',
      sequenceNumber: 42,
      partitionKey: 'ada',
      arrivalTime: '1970-01-01T00:00:00.000Z',
      timestamp: '1970-01-01T00:00:01.000Z',
      data: 'hello',
    })
    expect(JSON.parse(write('json', { bytes: Buffer.from([0xff]) }))).toMatchObject({ dataBase64: '/w==' })
    expect(write('json', { bytes: Buffer.from('a\nb') }).split('\n')).toHaveLength(2)
  })

  it('json: headers that are not text under another name, whatever those that are text say', () => {
    const headers = { text: Buffer.from('base64:/w=='), raw: Buffer.of(0xff), empty: Buffer.alloc(0) }
    expect(JSON.parse(write('json', { headers }))).toMatchObject({
      headers: { text: 'base64:/w==', empty: '' },
      headersBase64: { raw: '/w==' },
    })
    expect(JSON.parse(write('json', { headers: { raw: Buffer.of(0xff) } }))).not.toHaveProperty('headers')
  })

  it('table: control characters are shown, and a row is cut to the terminal', () => {
    const row = write('table', { bytes: Buffer.from('a\u001b[2Jb\nc') }, 200)
    expect(row.slice(0, -1)).not.toMatch(/\p{Cc}/u)
    expect(
      Buffer.from(write('table', { bytes: Buffer.from('x'.repeat(500)) }, 120), 'latin1').toString().length,
    ).toBe(121)
  })
})

describe('outputStream', () => {
  it('waits for a slow reader, and stops waiting when the reader is gone', async () => {
    const stdout = new PassThrough({ highWaterMark: 10 })
    const closed = new AbortController()
    const output = outputStream({ stdout, outputClosed: closed.signal })
    await output.write(Buffer.from('a'))
    const held = output.write(Buffer.alloc(100_000))
    expect(held).toBeInstanceOf(Promise)
    closed.abort()
    await held
  })

  it('stops waiting for a slow reader when it is interrupted', async () => {
    const stdout = new PassThrough({ highWaterMark: 10 })
    const interruption = new AbortController()
    const outputClosed = new AbortController().signal
    const output = outputStream({ stdout, outputClosed }, interruption.signal)
    const held = output.write(Buffer.alloc(100_000))
    interruption.abort()
    await held
  })
})

describe('amounts', () => {
  it('read as people write them', () => {
    expect([formatBytes(0), formatBytes(1536), formatBytes(2 ** 40)]).toEqual(['0 B', '1.5 KiB', '1.0 TiB'])
    expect([0.4213, 12.4, 1500, 90_000, 86_400_000, 7 * 86_400_000].map(formatDuration)).toEqual([
      '0.42 ms',
      '12 ms',
      '1.5 s',
      '1.5 min',
      '24 h',
      '7 d',
    ])
    expect([countOf(1, 'batch', 'batches'), countOf(2000, 'record')]).toEqual(['1 batch', '2,000 records'])
  })
})

describe('tables', () => {
  it('line up, without trailing blanks', () => {
    expect(
      formatTable(
        ['name', 'n'],
        [
          ['a', '1'],
          ['long', ''],
        ],
        { columns: undefined },
      ),
    ).toBe('NAME  N\na     1\nlong')
    expect(
      formatFields(
        [
          ['a', '1'],
          ['long', '2'],
        ],
        { columns: undefined },
      ),
    ).toBe('a     1\nlong  2')
  })
})
