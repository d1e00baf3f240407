// Text from a broker never controls a terminal: every verb is run against a broker whose texts and records hold each
// control character and each invisible character.
import { describe, expect, it } from 'vitest'
import { reportFailure } from '../../cli/failure.ts'
import { recordWriter } from '../../cli/output/record-format.ts'
import { print, printJson, tell } from '../../cli/terminal.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { FakeBroker } from '../client/support/fake-broker.ts'
import { commandLine } from './support/fake-terminal.ts'

const range = (first: number, last: number) =>
  String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, index) => first + index))

/** C0, DEL and C1, zero width, directions, separators, byte order mark, tags. */
const hostile =
  range(0x00, 0x1f) +
  range(0x7f, 0x9f) +
  '\u061c' +
  range(0x200b, 0x200f) +
  range(0x2028, 0x202e) +
  range(0x2060, 0x2069) +
  '\ufeff' +
  range(0xe0020, 0xe0021) +
  '\u001b[2J\u001b]0;title\u0007'
const characters = new Set(Array.from(hostile.replaceAll(/[[\]0;\w]/g, '')))

/** Expects no hidden character in the output, except the command's own line feeds and tabs. */
function expectHarmless(output: string): void {
  const left = Array.from(output).filter(
    (character) => !'\n\t'.includes(character) && characters.has(character),
  )
  expect(left).toEqual([])
}

/** Fields of free text; names and ids have little room. */
const texts = new Map([
  ['name', '\u001b[2J\u009b\u202e\u200b'],
  ['brokerId', '\u001b[2J\u009b\u202e\u200b'],
  ['software', hostile],
  ['reason', hostile],
  ['detail', hostile],
  ['memberId', '\u001b[2J\u009b\u202e\u200b\n'],
  ['address', hostile],
])

/** A choice among words of the protocol: no broker can send another text there. */
const choices = new Set(['handlerSlow'])

/** The same answer with hostile text in every field that is free text. */
function poisoned(value: unknown, field = ''): unknown {
  if (typeof value === 'string') return choices.has(value) ? value : value + (texts.get(field) ?? '')
  if (Array.isArray(value)) return value.map((item) => poisoned(item, field))
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, poisoned(item, name)]))
}

function hostileBroker(): FakeBroker {
  const broker = new FakeBroker({ shards: 2 })
  broker.decisions = [{ action: 'split', shards: [0], reason: 'because' }]
  broker.rewrite = (_, response) => poisoned(response) as object
  broker.refusalText = (code) => `${code} ${hostile}`
  return broker
}

describe.each([undefined, 80])('on an output of width %s', (columns) => {
  it.each([
    'group list',
    'group describe billing',
    'group reset billing --to TRIM_HORIZON --force',
    'stream list',
    'stream describe clicks',
    'stream create clicks',
    'stream update clicks --retention 2h',
    'stream scale clicks 4',
    'stream scale clicks --explain',
    'shard list clicks',
    'shard split clicks 0',
    'shard merge clicks 0 1',
    'status',
    'put clicks text',
  ])('%s prints nothing that a terminal obeys, as text and as JSON', async (verb) => {
    await using command = await commandLine(hostileBroker(), columns === undefined ? {} : { columns })
    const text = await command.millrace(verb)
    expect(text).toMatchObject({ code: 0 })
    expectHarmless(text.stdout + text.stderr)
    const json = await command.millrace(`${verb} --json`.replace('merge clicks 0 1', 'merge clicks 2 1'))
    expectHarmless(json.stdout + json.stderr)
    if (json.code === 0) expect(() => JSON.parse(json.stdout) as unknown).not.toThrow()
  })

  it.each(['raw', 'json', 'table'])('consume --format %s', async (format) => {
    await using command = await commandLine(hostileBroker(), columns === undefined ? {} : { columns })
    const line = JSON.stringify({ user: hostile })
    const data = `{"user":"ada","text":"${JSON.stringify(hostile).replaceAll(/\\u[0-9a-f]{4}|\\.|"/g, '')}"}`
    await command.millrace('produce clicks --key-field user', `${line}\n${data}\n`)
    const { code, stdout, stderr } = await command.millrace(`consume clicks --format ${format}`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('ada')
    if (format === 'raw' && columns === undefined) {
      // Exactly the bytes: a pipe is no terminal.
      expect(new Set(stdout.trimEnd().split('\n'))).toEqual(new Set([line, data]))
      return
    }
    expectHarmless(stdout)
    if (format !== 'json') return
    const keys = stdout
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as { partitionKey: string }).partitionKey)
    expect(new Set(keys)).toEqual(new Set([hostile, 'ada']))
  })

  it.each([
    'stream describe clicks',
    'stream create clicks',
    'shard list clicks',
    'status',
    'consume clicks',
    'produce clicks',
  ])('%s prints no words of a refusal as they are', async (verb) => {
    const broker = hostileBroker()
    broker.disturb = ({ operation }) =>
      operation === 'hello' || operation === 'ping' ? 'none' : { refuse: 'streamNotFound' }
    await using command = await commandLine(broker, columns === undefined ? {} : { columns })
    const { code, stdout, stderr } = await command.millrace(verb)
    expect(code).not.toBe(0)
    expectHarmless(stdout + stderr)
    // No line of the hostile text looks like a line of the command.
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('raw records on a terminal', () => {
  const record = { bytes: Buffer.from('a\u001b[2Jb\r') } as never

  it('are shown, with bytes that are no text by their value', () => {
    const shown = recordWriter('raw', { columns: 80, showsControls: true })
    expect(String(shown(record))).toBe('a\\u001b[2Jb\\u000d\n')
    expect(String(shown({ bytes: Buffer.from([0x61, 0x9b, 0xff, 0x09]) } as never))).toBe('a\\x9b\\xff\t\n')
  })

  it('are written as they are with --no-escape', async () => {
    await using command = await commandLine(new FakeBroker(), { columns: 80 })
    await command.millrace('produce clicks', 'a\u001b[2Jb\n')
    expect((await command.millrace('consume clicks')).stdout).toBe('a\\u001b[2Jb\n')
    expect((await command.millrace('consume clicks --no-escape')).stdout).toBe('a\u001b[2Jb\n')
  })
})

describe('terminal output', () => {
  it('print, printJson, tell and failures show control characters as escapes', () => {
    const written: string[] = []
    const stream = { write: (text: string) => written.push(text) }
    const terminal = { stdout: stream, stderr: stream } as never
    print(terminal, hostile)
    tell(terminal, hostile)
    printJson(terminal, { hostile }, { indent: 2 })
    expectHarmless(written.join(''))
    expect(JSON.parse(written[2]!)).toEqual({ hostile })
    expect(reportFailure(new MillraceError('unavailable', hostile)).message).not.toMatch(/\p{Cc}/u)
  })
})
