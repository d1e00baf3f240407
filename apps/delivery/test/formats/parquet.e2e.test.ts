// Parquet by DuckDB, read back by a reader of its own: schemas given and found, records that do not fit, and what nobody would send.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import type { ParquetColumn } from 'millrace/protocol'
import { afterAll, describe, expect, it } from 'vitest'
import type { ObjectContent } from '../../src/destinations/object-store.ts'
import { makeEncoder } from '../../src/formats/index.ts'
import type { ParquetFormat } from '../../src/formats/parquet/statements.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-parquet-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const signal = new AbortController().signal
const now = () => 1_700_000_000_000
let files = 0

interface Written {
  readonly rows: readonly Record<string, unknown>[]
  readonly errors: readonly string[]
  readonly raw: readonly string[]
  /** Which lines are refused. */
  readonly lines: readonly number[]
  readonly bytes: Buffer
}

async function written(
  format: Partial<ParquetFormat>,
  records: readonly (string | Uint8Array)[],
  folder = directory,
): Promise<Written> {
  const encoder = makeEncoder(
    { format: { type: 'parquet', compression: 'snappy', ...format }, compression: 'none', delimiter: '' },
    now,
  )
  const pieces: Uint8Array[] = []
  for (const record of records) encoder.add(Buffer.from(record), pieces)
  const bytes = Buffer.concat(pieces)
  const { content, failed } = await encoder.finish(
    {
      bytes: bytes.length,
      records: records.length,
      async *chunks() {
        yield bytes
      },
      toFile: async () => {
        const path = join(folder, `spool-${++files}`)
        await writeFile(path, bytes)
        return path
      },
      scratch: (extension) => join(folder, `scratch-${++files}.${extension}`),
    },
    signal,
  )
  return {
    rows: content === undefined ? [] : await rowsOf(content),
    errors: failed.map(({ message }) => message.replace('The record does not fit into Parquet: ', '')),
    raw: failed.map(({ rawData }) => Buffer.from(rawData).toString()),
    lines: failed.map(({ line }) => line),
    bytes: content === undefined ? Buffer.alloc(0) : readFileSync(content.file!),
  }
}

async function rowsOf(content: ObjectContent) {
  const bytes = readFileSync(content.file!)
  expect(bytes).toHaveLength(content.bytes!)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  return parquetReadObjects({ file }) as Promise<Record<string, unknown>[]>
}

const columns = (text: Readonly<Record<string, string>>): ParquetColumn[] =>
  Object.entries(text).map(([name, type]) => ({ name, type }))

const idAndName = columns({ id: 'BIGINT', name: 'VARCHAR' })

describe('given columns', () => {
  it('take their values and leave others out; what is missing or null is null', async () => {
    const { rows, errors } = await written({ columns: idAndName }, [
      '{"id":1,"name":"a","more":[1]}',
      '{}',
      '{"id":null}',
      '{"name":"ü\\u0000😀"}',
      ' {"id":"7"}\r\n',
    ])
    expect(errors).toEqual([])
    expect(rows).toEqual([
      { id: 1n, name: 'a' },
      { id: null, name: null },
      { id: null, name: null },
      { id: null, name: 'ü\0😀' },
      { id: 7n, name: null },
    ])
  })

  it('take numbers, times, nesting, lists and maps', async () => {
    const schema = columns({
      d: 'DOUBLE',
      n: 'DECIMAL(10,2)',
      b: 'BOOLEAN',
      t: 'TIMESTAMP',
      day: 'DATE',
      s: 'STRUCT(x INTEGER, "y z" VARCHAR[])',
      l: 'BIGINT[]',
      m: 'MAP(VARCHAR, INTEGER)',
      j: 'JSON',
    })
    const { rows, errors } = await written({ columns: schema }, [
      '{"d":1e3,"n":1.25,"b":true,"t":"2024-02-29T12:00:00.5Z","day":"2024-02-29","s":{"x":1,"y z":["a"]},"l":[1,null],"m":{"k":2},"j":{"deep":[{}]}}',
    ])
    expect(errors).toEqual([])
    expect(rows).toMatchObject([
      {
        d: 1000,
        n: 1.25,
        b: true,
        t: new Date('2024-02-29T12:00:00.500Z'),
        s: { x: 1, 'y z': ['a'] },
        l: [1n, null],
        m: { k: 2 },
        j: { deep: [{}] },
      },
    ])
  })

  it('know their names in any case of ASCII, as the SerDe of Firehose does', async () => {
    const { rows, errors, raw } = await written({ columns: columns({ userId: 'BIGINT', NAME: 'VARCHAR' }) }, [
      '{"USERID":1,"name":"userid"}',
      '{"userId":2,"NAME":"b"}',
      '{"Userid":3,\n"Name":{"name":"x"}}',
      '{"userid":4,"USERID":5}',
    ])
    expect(rows).toEqual([
      { userId: 1n, NAME: 'userid' },
      { userId: 2n, NAME: 'b' },
      { userId: 3n, NAME: '{"name":"x"}' },
    ])
    expect(errors).toEqual(['it has "userId" twice.'])
    expect(raw).toEqual(['{"userId":4,"userId":5}'])
  })

  it('refuse the records that do not fit, one by one, and write the others in their order', async () => {
    const records = Array.from({ length: 5000 }, (_, n) => {
      if (n % 1000 === 1) return `{"id":"x${n}"}`
      if (n % 1000 === 2) return `no JSON ${n}`
      if (n % 1000 === 3) return `{"id":${n} 1}`
      if (n % 1000 === 4) return `{"id":1,"id":2,"n":${n}}`
      if (n % 1000 === 5) return `{"id":99999999999999999999}`
      return `{"id":${n},"name":"n"}`
    })
    const { rows, errors, raw } = await written({ columns: idAndName }, records)
    const isBad = (n: number) => n % 1000 >= 1 && n % 1000 <= 5
    expect(rows.map(({ id }) => Number(id))).toEqual(records.flatMap((_, n) => (isBad(n) ? [] : [n])))
    expect(raw.toSorted()).toEqual(records.filter((_, n) => isBad(n)).toSorted())
    expect(errors).toContain('its value of "id" is no BIGINT.')
    expect(errors).toContain('"n" stands where an object begins (byte 0).')
  })

  it('refuse values that do not fit within a value, which only trying tells', async () => {
    const { rows, errors, raw } = await written({ columns: columns({ s: 'STRUCT(x INTEGER)' }) }, [
      '{"s":{"x":1}}',
      '{"s":{"x":"y"}}',
      '{"s":{}}',
      '{"s":5}',
      '{"s":{"x":2,"more":1}}',
    ])
    expect(rows).toEqual([{ s: { x: 1 } }, { s: { x: null } }, { s: { x: 2 } }])
    expect(raw).toEqual(['{"s":{"x":"y"}}', '{"s":5}'])
    expect(errors).toEqual([expect.stringContaining('"y"'), expect.stringContaining('5')])
  })

  it('leave no object where no record fits', async () => {
    const { rows, errors, bytes } = await written({ columns: idAndName }, ['{"id":"x"}', '[]', ''])
    expect(bytes).toHaveLength(0)
    expect(rows).toEqual([])
    expect(errors).toHaveLength(3)
  })

  it('may be called anything that SQL is made of, and no value gets into a statement', async () => {
    const names = ['a"b', "c'd", 'e; DROP TABLE x; --', 'f}', 'select', 'ü']
    const record = JSON.stringify(Object.fromEntries(names.map((name, n) => [name, n])))
    const { rows, errors } = await written({ columns: names.map((name) => ({ name, type: 'INTEGER' })) }, [
      record,
      `{"a\\"b":"'); COPY"}`,
    ])
    expect(errors).toHaveLength(1)
    expect(rows).toEqual([Object.fromEntries(names.map((name, n) => [name, n === 0 ? 0 : n]))])
  })

  it('write to folders of any name', async () => {
    const folder = join(directory, "a'[b]*? c")
    mkdirSync(folder)
    const { rows } = await written({ columns: idAndName }, ['{"id":1}'], folder)
    expect(rows).toEqual([{ id: 1n, name: null }])
  })
})

describe('found columns', () => {
  it('are those of all records of an object, wherever they begin to be there', async () => {
    const records = Array.from({ length: 30_000 }, (_, n) =>
      n === 29_000 ? '{"n":"text","late":{"a":1}}' : `{"n":${n}}`,
    )
    const { rows, errors } = await written({}, records)
    expect(errors).toEqual([])
    expect(rows).toHaveLength(30_000)
    expect(rows[29_000]).toEqual({ n: 'text', late: { a: 1n } })
    expect(rows[0]).toEqual({ n: 0, late: null })
  })

  it('hold several objects of one record, and objects over several lines', async () => {
    const { rows, errors } = await written({}, ['{"a":1}{"a":2}\n{"a":3}', '{\n  "a": 4\n}\n'])
    expect(errors).toEqual([])
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n, 3n, 4n])
  })

  it('refuse what is no object, and bytes that are no text', async () => {
    const { rows, errors, raw } = await written({}, [
      '{"a":1}',
      '[{"a":1}]',
      '5',
      'null',
      '"x"',
      '',
      '{"a":',
      '{"a":"x\ny"}',
      '\0',
      '{"a":"\\ud800"}',
      Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
      '{"a":2}',
    ])
    expect(rows).toEqual([{ a: 1n }, { a: 2n }])
    expect(errors).toHaveLength(10)
    expect(raw.slice(0, 6)).toEqual(['[{"a":1}]', '5', 'null', '"x"', '', '{"a":'])
    expect(errors[0]).toBe('"[" stands where an object begins (byte 0).')
    expect(errors[4]).toBe('it holds no JSON object.')
  })

  it('take long texts, huge integers, and deep nesting up to its limit', async () => {
    const deep = (levels: number) => `{"d":${'['.repeat(levels)}${']'.repeat(levels)}}`
    const { rows, errors } = await written({}, [
      JSON.stringify({ text: 'x'.repeat(2 ** 20) }),
      '{"i":9223372036854775808}',
      deep(900),
      deep(1000),
      '{"i":123456789012345678901234567890}',
    ])
    expect(rows).toHaveLength(4)
    expect(String(rows[0]?.['text'])).toHaveLength(2 ** 20)
    expect(errors).toEqual(['it is nested deeper than 1000 (byte 1004).'])
  })

  it('are there for objects that are empty', async () => {
    const { rows, errors } = await written({}, ['{}', '{}'])
    expect(errors).toEqual([])
    expect(rows).toHaveLength(2)
    expect((await written({}, ['{"a":{}}', '{"a":[]}', '{"b":null}'])).errors).toEqual([])
    const some = await written({}, ['{}', '{', '{"a":1,"a":2}', '{}'])
    expect(some.rows).toHaveLength(2)
    expect(some.errors).toEqual(['it ends within an object (byte 1).', 'it has "a" twice.'])
  })

  it('may differ by their case alone', async () => {
    const { rows, errors } = await written({}, ['{"a":1,"A":2}', '{"A":3}'])
    expect(errors).toEqual([])
    expect(rows.map((row) => Object.values(row))).toEqual([
      [1n, 2n],
      [null, 3n],
    ])
  })

  it('take what DuckDB takes though it is no JSON, whether or not other records are refused', async () => {
    const lax = ['{"a":NaN}', '{"a":1,}', '{"a":-Infinity}']
    expect((await written({}, lax)).rows).toHaveLength(3)
    const beside = await written({}, [...lax, 'bad', "{'a':1}"])
    expect(beside.rows).toHaveLength(3)
    expect(beside.errors).toHaveLength(2)
  })

  it('stay columns where records have little in common', async () => {
    const records = Array.from({ length: 300 }, (_, n) => `{"k${n}":${n},"always":true}`)
    const { rows, errors } = await written({}, records)
    expect(errors).toEqual([])
    expect(rows).toHaveLength(300)
    expect(Object.keys(rows[7]!)).toContain('always')
  })
})

describe('objects', () => {
  it('whose columns differ are read together by their names', async () => {
    const folder = join(directory, 'union')
    mkdirSync(folder)
    for (const [place, records] of [
      ['{"a":1,"b":"x"}'],
      ['{"a":1.5}', '{"c":[1]}'],
      ['{"a":"text"}', '{"a":18446744073709551616}'],
    ].entries()) {
      writeFileSync(join(folder, `${place}.parquet`), (await written({}, records)).bytes)
    }
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const reader = await connection.runAndReadAll(
      `SELECT a::VARCHAR AS a, b, c FROM read_parquet('${folder}/*.parquet', union_by_name = true) ORDER BY filename`,
    )
    expect(reader.getRowObjectsJson()).toEqual([
      { a: '1', b: 'x', c: null },
      { a: '1.5', b: null, c: null },
      { a: null, b: null, c: ['1'] },
      { a: expect.stringContaining('text') as string, b: null, c: null },
      { a: '18446744073709551616', b: null, c: null },
    ])
    connection.closeSync()
  })

  it('are the same for the same records, byte for byte', async () => {
    const records = Array.from({ length: 10_000 }, (_, n) => `{"n":${n},"text":"t${n % 7}"}`)
    const first = await written({ columns: columns({ n: 'INTEGER', text: 'VARCHAR' }) }, records)
    const second = await written({ columns: columns({ n: 'INTEGER', text: 'VARCHAR' }) }, records)
    expect(first.bytes.equals(second.bytes)).toBe(true)
  })

  it('are compressed as they are told, in row groups of the size that they are told', async () => {
    const records = Array.from({ length: 10_000 }, (_, n) => `{"n":${n}}`)
    for (const [compression, codec] of [
      ['snappy', 'SNAPPY'],
      ['gzip', 'GZIP'],
      ['zstd', 'ZSTD'],
      ['none', 'UNCOMPRESSED'],
    ] as const) {
      const encoder = makeEncoder(
        {
          format: { type: 'parquet', compression, rowGroupBytes: 30_000 },
          compression: 'none',
          delimiter: '',
        },
        now,
      )
      const pieces: Uint8Array[] = []
      for (const record of records) encoder.add(Buffer.from(record), pieces)
      const path = join(directory, `groups-${compression}`)
      await writeFile(path, Buffer.concat(pieces))
      const { content } = await encoder.finish(
        {
          bytes: 100_000,
          records: records.length,
          chunks: () => (async function* () {})(),
          toFile: () => Promise.resolve(path),
          scratch: (ending) => `${path}.${ending}`,
        },
        signal,
      )
      const bytes = readFileSync(content!.file!)
      const metadata = parquetMetadata(
        bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
      )
      expect(metadata.row_groups[0]?.columns[0]?.meta_data?.codec).toBe(codec)
      expect(metadata.row_groups.length).toBeGreaterThan(1)
      expect(metadata.row_groups.reduce((sum, { num_rows }) => sum + Number(num_rows), 0)).toBe(10_000)
    }
  })

  it('that are called off end with the reason', async () => {
    const off = new AbortController()
    off.abort(new Error('the lease is lost'))
    const encoder = makeEncoder(
      { format: { type: 'parquet', compression: 'none' }, compression: 'none', delimiter: '' },
      now,
    )
    const scratch = join(directory, 'never')
    await expect(
      encoder.finish(
        {
          bytes: 0,
          records: 0,
          chunks: () => (async function* () {})(),
          toFile: () => Promise.resolve('x'),
          scratch: () => scratch,
        },
        off.signal,
      ),
    ).rejects.toThrow('the lease is lost')
    expect(existsSync(scratch)).toBe(false)
  })
})
