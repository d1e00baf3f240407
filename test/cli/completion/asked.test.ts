// What can come next on a command line, asked of the tree of all verbs.
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { askedBy } from '../../../cli/completion/asked.ts'
import { shellWords } from '../../../cli/completion/shell-words.ts'
import { createProgram } from '../../../cli/program.ts'
import { processTerminal } from '../../../cli/terminal.ts'

const program = createProgram(processTerminal(), '0.0.0')
const asked = (line: string) => askedBy(program, shellWords(line))
const values = (line: string): string[] => asked(line).candidates.map(({ value }) => value)

/** Every verb with the line that calls it. */
function verbs(command: Command, line = ''): [string, Command][] {
  return command.commands.flatMap((verb) => [
    [`${line}${verb.name()} `, verb] as [string, Command],
    ...(verb.name() === 'help' ? [] : verbs(verb, `${line}${verb.name()} `)),
  ])
}

describe('askedBy', () => {
  it('knows every verb with all its options, and every choice of an option', () => {
    expect(values('')).toEqual(program.commands.map((verb) => verb.name()))
    for (const [line, verb] of verbs(program).filter(([text]) => !text.endsWith('help '))) {
      const visible = verb.options.filter(({ hidden }) => !hidden)
      const missing = visible.filter((option) => !values(`${line}--`).includes(option.long ?? option.short!))
      expect({ line, missing: missing.map(({ flags }) => flags) }).toEqual({ line, missing: [] })
      for (const option of visible.filter(({ argChoices }) => argChoices !== undefined)) {
        const typed = `${line}${option.long} `
        expect({ typed, values: values(typed) }).toEqual({ typed, values: option.argChoices })
      }
    }
  })

  it('completes sub-verbs, and the verbs that help is asked about', () => {
    expect(values('stream ')).toEqual(expect.arrayContaining(['create', 'list', 'delete']))
    expect(values('help ')).toEqual(expect.arrayContaining(['serve', 'stream']))
    expect(values('help stream ')).toEqual(expect.arrayContaining(['create', 'list']))
    expect(values('stream help ')).toEqual(expect.arrayContaining(['create', 'list']))
  })

  it.each([
    ['stream describe ', 'stream'],
    ['stream create ', undefined],
    ['stream scale ', 'stream'],
    ['consume ', 'stream'],
    ['consume clicks --shard ', 'shard'],
    ['consume clicks --consumer=', 'consumer'],
    ['consume clicks --format json --consumer ', 'consumer'],
    ['shard merge clicks 1 ', 'shard'],
    ['group describe ', 'group'],
    ['group reset billing --to LATEST --stream ', 'stream'],
    ['consumer register clicks ', undefined],
    ['consumer describe clicks ', 'consumer'],
    ['query explain ', 'query'],
    ['query create ', undefined],
    ['query create views --late-to ', 'stream'],
    ['profile use ', 'profile'],
    ['stream list --profile ', 'profile'],
  ])('%j asks for names of %s', (line, kind) => {
    expect(asked(line).names).toBe(kind)
  })

  it('knows the stream that is named already, and where the verb would connect', () => {
    expect(asked('consumer describe clicks --url millrace://a:1 --profile=prod ')).toMatchObject({
      stream: 'clicks',
      connection: { url: 'millrace://a:1', profile: 'prod' },
    })
  })

  it('completes values in the word of their option', () => {
    expect(asked('consume clicks --format=')).toMatchObject({
      prefix: '--format=',
      candidates: [{ value: 'raw' }, { value: 'json' }, { value: 'table' }],
    })
    expect(values('serve --log-level ')).toContain('debug')
    expect(values('consume clicks --from ')).toEqual(['TRIM_HORIZON', 'LATEST'])
  })

  it('offers an option once, unless it collects values', () => {
    expect(values('put clicks x --json --header a=b --')).not.toContain('--json')
    expect(values('put clicks x --json --header a=b --')).toContain('--header')
  })

  it('offers paths where a file can stand', () => {
    expect(asked('produce clicks ').files).toBe(true)
    expect(asked('produce clicks a.ndjson ').files).toBe(true)
    expect(asked('stream list --token-file ').files).toBe(true)
    expect(asked('serve --data-dir ').files).toBe(true)
  })

  it('after -- nothing is an option', () => {
    expect(values('put clicks -- --')).toEqual([])
  })

  it('offers nothing hidden', () => {
    expect(values('completion bash --')).toEqual(['--help'])
  })
})
