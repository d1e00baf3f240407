// Partitions of records: the rules of values as a table, and plain paths held equal to jq itself.
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { JqUnavailable, localJq, type JqRuntime } from '../../src/partitioning/jq-runtime.ts'
import { makePartitioner, type Partition } from '../../src/partitioning/partitioner.ts'
import { keySafe, VALUE_CHARACTERS_MAX } from '../../src/partitioning/partition-value.ts'
import { plainPath } from '../../src/partitioning/plain-path.ts'

const jq = localJq()
afterAll(() => jq.close())

const noJq = (): JqRuntime => {
  throw new Error('jq was called')
}

async function partitions(query: string, records: readonly (string | Uint8Array)[], runtime = () => jq) {
  const partitioner = makePartitioner({ k: query }, runtime)
  return await partitioner.partitions(records.map((record) => Buffer.from(record)))
}

const short = (partition: Partition) =>
  'fault' in partition ? `! ${partition.fault}` : partition.values['k']

const NO_VALUE = '! partitionKeys values must not be null or empty: k'

/** Expression, record, what stands in the name. */
const table: readonly (readonly [string, string, string])[] = [
  ['.a', '{"a":"DE"}', 'DE'],
  ['.a', ' {"a":"DE"}\n', 'DE'],
  ['.a', '{"a":1}', '1'],
  ['.a', '{"a":1.0}', '1'],
  ['.a', '{"a":-0}', '0'],
  ['.a', '{"a":1e2}', '100'],
  ['.a', '{"a":1.5}', '1.5'],
  ['.a', '{"a":12345678901234567890}', '12345678901234567890'],
  ['.a', '{"a":true}', 'true'],
  ['.a', '{"a":false}', 'false'],
  ['.a', '{"a":null}', NO_VALUE],
  ['.a', '{}', NO_VALUE],
  ['.a', '{"a":""}', NO_VALUE],
  ['.a', '{"a":"/"}', NO_VALUE],
  ['.a', 'null', NO_VALUE],
  ['.a', '{"a":{"b":1}}', '! The expression k gives an object; it must give a text, a number or a boolean.'],
  ['.a', '{"a":[1]}', '! The expression k gives an array; it must give a text, a number or a boolean.'],
  ['.a', '{"a":1,"a":2}', '2'],
  ['.a', '{"A":1}', NO_VALUE],
  ['.a', '7', '! Cannot index number with string ("a")'],
  ['.a', '"text"', '! Cannot index string with string ("a")'],
  ['.a.b', '{"a":"x"}', '! Cannot index string with string ("b")'],
  ['.a.b', '{"a":null}', NO_VALUE],
  ['.a', '', '! Non JSON record provided'],
  ['.a', '{"a":1}{"a":2}', '! Non JSON record provided'],
  ['.a', "{'a':1}", '! Non JSON record provided'],
  ['.a', '{"a":NaN}', '! Non JSON record provided'],
  ['.a', '{"a":"x', '! Non JSON record provided'],
  ['.a', '{"b":"\\ud800","a":1}', '! Invalid'],
  ['.a', '{"a":"\\ud83d\\ude00"}', '😀'],
  ['.a', '{"a":"a\\u0000b"}', 'a%00b'],
  ['.a', '{"a":"../../etc"}', '%2E%2E/%2E%2E/etc'],
  ['.__proto__', '{"a":1}', NO_VALUE],
  ['.constructor', '{"a":1}', NO_VALUE],
  ['.a[]', '{"a":[1]}', '1'],
  ['.a[]', '{"a":[1,2]}', '! The expression k gives more than one value.'],
  ['.a[]', '{"a":[]}', NO_VALUE],
  ['empty', '{}', NO_VALUE],
  ['.a // "none"', '{}', 'none'],
  ['.t | strftime("%Y/%m/%d")', '{"t":1700000000}', '2023/11/14'],
  ['.a | ascii_downcase # a comment', '{"a":"DE"}', 'de'],
  ['def f: .a; f', '{"a":"x"}', 'x'],
  ['error("no")', '{}', '! no'],
  ['error({n: 1})', '{}', '! {"n":1}'],
  ['error(null)', '{}', '! null'],
  ['now', '{}', '! now cannot be used here'],
  ['input', '{}', '! input cannot be used here'],
  ['halt_error("x")', '{}', '! halt_error cannot be used here'],
  ['halt', '{}', '! halt cannot be used here'],
]

describe('makePartitioner', () => {
  it.each(table)('%s of %s', async (query, record, expected) => {
    const [partition] = await partitions(query, [record])
    if (expected === '! Invalid') expect(short(partition!)).toContain('surrogate')
    else expect(short(partition!)).toBe(expected)
  })

  it('finds each record its own partition, in their order, good and bad side by side', async () => {
    const records = Array.from({ length: 2500 }, (_, n) =>
      n % 100 === 7 ? `broken ${n}` : `{"n":${n},"x":{"y":"v${n}"}}`,
    )
    for (const query of ['.x.y', '.x | .y']) {
      const found = await partitions(query, records)
      expect(found.map(short)).toEqual(
        records.map((_, n) => (n % 100 === 7 ? '! Non JSON record provided' : `v${n}`)),
      )
    }
  })

  it('reads plain paths without jq', async () => {
    const found = await partitions('.a.b', ['{"a":{"b":"x"}}', '{"a":{}}', 'no json'], noJq)
    expect(found.map(short)).toEqual(['x', NO_VALUE, '! Non JSON record provided'])
  })

  it('gives several expressions by their names, and no value where one of them fails', async () => {
    const partitioner = makePartitioner({ country: '.c', day: '.d | tostring' }, () => jq)
    const found = await partitioner.partitions(
      ['{"c":"DE","d":3}', '{"d":3}'].map((text) => Buffer.from(text)),
    )
    expect(found).toEqual([
      { values: { country: 'DE', day: '3' } },
      { fault: 'partitionKeys values must not be null or empty: country' },
    ])
  })

  it('fails a record that crashes jq, and no other', async () => {
    const query = 'def f: if . > 5 then [f] else . end; .a | f'
    const found = await partitions(query, ['{"a":1}', '{"a":9}', '{"a":2}', '{"a":3}'])
    expect(found.map(short)).toEqual(['1', expect.stringContaining('! jq has crashed'), '2', '3'])
  })

  it('fails a record that ends the run, and no other', async () => {
    const ending: JqRuntime = {
      run: (program, input) =>
        input.includes('endless')
          ? Promise.resolve({ stdout: '', stderr: 'not ended', exitCode: 124 })
          : jq.run(program, input),
      close: () => Promise.resolve(),
    }
    const records = Array.from({ length: 20 }, (_, n) => (n === 13 ? '{"a":"endless"}' : `{"a":${n}}`))
    const found = await partitions('.a | .', records, () => ending)
    expect(found.map(short)).toEqual(records.map((_, n) => (n === 13 ? '! not ended' : String(n))))
  })

  it('takes bytes that are no UTF-8, strings of a megabyte, and deep nesting, as jq does', async () => {
    const deep = (levels: number) => `{"a":"x","b":${'['.repeat(levels)}${']'.repeat(levels)}}`
    const found = await partitions('.a', [
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]),
      JSON.stringify({ b: 'x'.repeat(2 ** 20), a: 'y' }),
      deep(9_000),
      deep(20_000),
      JSON.stringify({ a: 'z'.repeat(VALUE_CHARACTERS_MAX + 1) }),
    ])
    expect(found.map(short)).toEqual([
      '\ufffd',
      'y',
      'x',
      expect.stringContaining('! Exceeds depth limit'),
      `! The expression k gives ${VALUE_CHARACTERS_MAX + 1} characters; at most ${VALUE_CHARACTERS_MAX} fit into a name.`,
    ])
  })
})

/** The same path written so that it is no plain one. */
const asked = (path: string) => `${path} | .`

const names = fc.constantFrom('a', 'b', 'a b', 'ü', '__proto__', 'x"y', '1')
const step = names.map((name) => (/^[a-z]$/.test(name) ? `.${name}` : `.[${JSON.stringify(name)}]`))
const path = fc
  .array(step, { minLength: 1, maxLength: 3 })
  .map((steps) => steps.join('').replaceAll('].[', ']['))

const leaf = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    'null',
    'true',
    'false',
    '1',
    '1.0',
    '-0',
    '1e3',
    '0.1',
    '1e400',
    '9007199254740993',
    '"\\ud83d"',
    '"\\n"',
    '[]',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
)
const json = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc
      .array(fc.tuple(names, tie('value')), { maxLength: 4 })
      .map(
        (entries) => `{${entries.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(', ')}}`,
      ),
  ),
})).value

describe('plain paths', () => {
  it('are those without any work for jq', () => {
    expect(plainPath('.a')).toEqual(['a'])
    expect(plainPath(' .a.b_1 ')).toEqual(['a', 'b_1'])
    expect(plainPath('.["a b"]')).toEqual(['a b'])
    expect(plainPath('.a["b"].c')).toEqual(['a', 'b', 'c'])
    expect(plainPath('.a.["b"]')).toEqual(['a', 'b'])
    expect(plainPath('."x".y')).toEqual(['x', 'y'])
    for (const other of [
      '.',
      '',
      'a',
      '..',
      '.a[0]',
      '.a[]',
      '.a?',
      '.a | .b',
      '.["\\(1)"]',
      '["a"]',
      '.a b',
      '.1',
      '.a."\\u0041"',
    ]) {
      expect(plainPath(other)).toBeUndefined()
    }
  })

  it('give what jq gives, for every value and every fault', async () => {
    await fc.assert(
      fc.asyncProperty(path, fc.array(json, { minLength: 1, maxLength: 30 }), async (expression, records) => {
        expect(plainPath(expression)).toBeDefined()
        const plain = await partitions(expression, records)
        expect(plain).toEqual(await partitions(asked(expression), records))
      }),
      { numRuns: 300 },
    )
  })
})

describe('keySafe', () => {
  it('keeps what S3 and file systems take', () => {
    for (const text of ['DE', 'a b', '2023/11/14', 'größe', '😀', 'a=b', '...', 'a..b'])
      expect(keySafe(text)).toBe(text)
  })

  it('leaves no way out of the folder, no empty folder, and no character that is not shown', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('.', '/', '\\', '\0', '\n', '\u009b', 'a', '\ud800', '%') }),
        (text) => {
          const safe = keySafe(text)
          expect(safe.split('/').some((segment) => segment === '.' || segment === '..')).toBe(false)
          if (safe !== '') expect(safe.split('/')).not.toContain('')
          expect(safe).not.toMatch(/\p{Cc}|\\/u)
          expect(safe.isWellFormed()).toBe(true)
        },
      ),
    )
  })
})

it('rejects where jq is not to be had: no record has failed for that', async () => {
  const unavailable: JqRuntime = {
    run: () => Promise.reject(new JqUnavailable('there is no thread')),
    close: () => Promise.resolve(),
  }
  await expect(partitions('.a | length', ['{"a":"b"}'], () => unavailable)).rejects.toThrow(JqUnavailable)
})
