// The documentation names verbs, options, environment variables and files: each of them is there.
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { environmentNameOf, options, type OptionName } from '../../broker/config/options.ts'
import { createProgram } from '../../cli/program.ts'
import { processTerminal } from '../../cli/terminal.ts'
import { commandLines, inlineCode } from './markdown.ts'
import { files } from './tree.ts'

const program = createProgram(processTerminal(), '0.0.0')
const pages = files.filter(({ path }) =>
  /^(README|CONTRIBUTING|CHANGELOG|(docs|examples)\/.*)\.md$/.test(path),
)

/** Options of other programs that the documentation names by themselves. */
const foreignOptions = ['--ignore-scripts', '--read-only', '--restart', '--resolve', '--cacert', '--publish']

/** Returns the verbs that are meant, and what follows their names: `list|show` means two. */
function verbsOf(words: readonly string[]): { verbs: Command[]; rest: readonly string[]; unknown?: string } {
  let verbs: Command[] = [program]
  for (const [index, word] of words.entries()) {
    const below = verbs.flatMap(({ commands }) => commands)
    if (below.length === 0 || !/^[a-z][a-z|-]*$/.test(word)) return { verbs, rest: words.slice(index) }
    const found = word.split('|').map((name) => below.find((verb) => verb.name() === name))
    if (found.includes(undefined)) return { verbs, rest: [], unknown: word }
    verbs = found as Command[]
  }
  return { verbs, rest: [] }
}

/** Says what of a command line the program does not have. */
function faultOf(words: readonly string[]): string | undefined {
  const { verbs, rest, unknown } = verbsOf(words)
  if (unknown !== undefined) return `there is no verb ${unknown}`
  const known = new Set(verbs.flatMap((verb) => ['--help', '--version', ...longOptions(verb)]))
  const flags = rest.flatMap((word) => /^--[a-z][a-z-]*/.exec(word)?.[0] ?? [])
  const missing = flags.find((flag) => !known.has(flag))
  return missing === undefined
    ? undefined
    : `${verbs.map((verb) => verb.name()).join('|')} has no option ${missing}`
}

const longOptions = (verb: Command): string[] => verb.options.flatMap(({ long }) => long ?? [])
const allOptions = (verb: Command): string[] => [...longOptions(verb), ...verb.commands.flatMap(allOptions)]

describe.each(pages.map(({ path, text }) => [path, text] as const))('%s', (_, text) => {
  it('shows commands that the program has', () => {
    const lines = [
      ...commandLines(text),
      ...inlineCode(text).flatMap((code) => commandLines(`\`\`\`sh\n${code}\n\`\`\``)),
    ]
    const faults = lines.flatMap((words) => {
      const fault = faultOf(words)
      return fault === undefined ? [] : [`millrace ${words.join(' ')}: ${fault}`]
    })
    expect(faults).toEqual([])
  })

  it('names options that some verb has', () => {
    const known = new Set([...allOptions(program), '--help', '--version', ...foreignOptions])
    const named = inlineCode(text).flatMap((code) => /^(--[a-z][a-z-]*)( [^-]\S*)?$/.exec(code)?.[1] ?? [])
    expect(named.filter((flag) => !known.has(flag))).toEqual([])
  })

  it('names files and folders that there are', () => {
    const named = inlineCode(text).filter((code) =>
      /^(bench|broker|cli|client|docs|examples|protocol|scripts|test)\/[\w./-]+$/.test(code),
    )
    const isThere = (name: string) =>
      files.some(({ path }) => path === name || path.startsWith(name.replace(/\/?$/, '/')))
    expect(named.filter((name) => !isThere(name))).toEqual([])
  })

  it('names environment variables that there are', () => {
    const known = new Set(Object.keys(options).map((name) => environmentNameOf(name as OptionName)))
    const named = text.match(/\bMILLRACE_[A-Z][A-Z_]*[A-Z]\b/g) ?? []
    expect([...new Set(named)].filter((name) => !known.has(name) && !testVariables.includes(name))).toEqual(
      [],
    )
  })
})

/** For those who work on the repository. */
const testVariables = ['MILLRACE_CRASH_ROUNDS', 'MILLRACE_ORDER_ROUNDS', 'MILLRACE_GROUP_STEPS']

it('a verb, an option or a variable that there is not would be found', () => {
  const [line] = commandLines('```sh\nFOO=1 npx millrace stream kreate a --shards 4 && echo\n```')
  expect(line).toEqual(['stream', 'kreate', 'a', '--shards', '4'])
  expect(faultOf(line!)).toBe('there is no verb kreate')
  expect(faultOf(['stream', 'create', 'a', '--shard', '4'])).toBe('create has no option --shard')
  expect(faultOf(['stream', 'create', 'a', '--shards', '4'])).toBeUndefined()
})
