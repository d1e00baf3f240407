// What can come next on a command line, by the tree of verbs: so a new verb or option is completed as soon as it is there. Pure.
// Names that a broker or a file must be asked for are only named by their kind: names.ts asks.
import type { Argument, Command, Option } from 'commander'
import { configFlags } from '../../broker/config/flags.ts'
import type { ConnectionFlags } from '../connecting/options.ts'

/** The kinds of names that can be asked for. They are what verbs call their arguments and the values of their options. */
export const nameKinds = [
  'stream',
  'shard',
  'group',
  'consumer',
  'profile',
  'principal',
  'token',
  'access-key',
  'query',
] as const
export type NameKind = (typeof nameKinds)[number]

export interface Candidate {
  readonly value: string
  readonly says: string
}

/** What can come next. */
export interface Asked {
  /** What the word at the cursor begins with and every candidate repeats, such as `--format=`. */
  readonly prefix: string
  readonly candidates: readonly Candidate[]
  /** Names to ask for. */
  readonly names?: NameKind
  /** True where the path of a file can stand. */
  readonly files?: true
  /** The stream that is named on the line, to which shards and consumers belong. */
  readonly stream?: string
  readonly connection: ConnectionFlags
}

/** Values that stand for themselves, by what verbs call them. */
const fixed: Readonly<Record<string, readonly Candidate[]>> = {
  position: [
    { value: 'TRIM_HORIZON', says: 'the oldest record' },
    { value: 'LATEST', says: 'the tail' },
  ],
}

/** Returns what can stand in the place of the last of the words; they do not hold the name of the program. */
export function askedBy(program: Command, words: readonly string[]): Asked {
  const typed = words.at(-1) ?? ''
  const line = walk(program, words.slice(0, -1))
  const shared = { connection: line.values, ...(line.stream === undefined ? {} : { stream: line.stream }) }
  const nothing: Asked = { prefix: '', candidates: [], ...shared }
  if (line.pending !== undefined) return { ...nothing, ...valuesOf(line.pending) }
  const equals = /^(--[^=]+)=/.exec(typed)
  if (equals !== null && !line.isLiteral) {
    const option = optionOf(line.command, equals[1]!)
    return option === undefined ? nothing : { ...nothing, ...valuesOf(option), prefix: equals[0] }
  }
  if (typed.startsWith('-') && !line.isLiteral) return { ...nothing, candidates: optionsOf(line) }
  const verbs = line.command.commands.filter((verb) => !isHidden(verb))
  if (verbs.length > 0) {
    // A word that is no verb cannot be gone on with.
    return line.positionals > 0 ? nothing : { ...nothing, candidates: verbs.map(verbCandidate) }
  }
  const argument = argumentAt(line.command, line.positionals)
  if (argument !== undefined) return { ...nothing, ...valuesOf(argument) }
  // Nothing else is left to say but options.
  return line.isLiteral ? nothing : { ...nothing, candidates: optionsOf(line) }
}

interface Line {
  readonly command: Command
  /** The option whose value comes next. */
  readonly pending: Option | undefined
  /** Words so far that are neither verbs nor options. */
  readonly positionals: number
  /** True after `--`: what follows are no options. */
  readonly isLiteral: boolean
  readonly given: ReadonlySet<Option>
  /** Values of options by the names of their attributes. */
  readonly values: Readonly<Record<string, string>>
  readonly stream: string | undefined
}

function walk(program: Command, words: readonly string[]): Line {
  let command = program
  let pending: Option | undefined
  let positionals = 0
  let isLiteral = false
  let stream: string | undefined
  const given = new Set<Option>()
  const values: Record<string, string> = {}
  const take = (option: Option, value: string): void => {
    values[option.attributeName()] = value
    if (nameOf(option) === 'stream') stream = value
  }
  for (const word of words) {
    if (pending !== undefined) {
      take(pending, word)
      pending = undefined
    } else if (word === '--' && !isLiteral) isLiteral = true
    else if (word.startsWith('-') && word !== '-' && !isLiteral) {
      const [name, ...value] = word.split('=')
      const option = optionOf(command, name!)
      if (option === undefined) continue
      given.add(option)
      if (value.length > 0) take(option, value.join('='))
      else if (option.required) pending = option
    } else {
      const verb =
        positionals === 0 ? command.commands.find((candidate) => candidate.name() === word) : undefined
      if (verb !== undefined) {
        // What `help` is asked about are the verbs beside it.
        command = verb.name() === 'help' ? command : verb
        continue
      }
      const argument = argumentAt(command, positionals++)
      if (argument?.name() === 'stream') stream = word
    }
  }
  return { command, pending, positionals, isLiteral, given, values, stream }
}

/** The candidates for an argument or for the value of an option. */
function valuesOf(what: Argument | Option): Pick<Asked, 'candidates' | 'names' | 'files'> {
  if (what.argChoices !== undefined) {
    return { candidates: what.argChoices.map((value) => ({ value, says: '' })) }
  }
  const choices = 'flags' in what ? configFlags().find(({ flag }) => flag === what.flags)?.choices : undefined
  if (choices !== undefined && choices.length > 0) {
    return { candidates: choices.map((value) => ({ value, says: '' })) }
  }
  const name = nameOf(what)
  const kind = nameKinds.find((known) => known === name)
  if (kind !== undefined) return { candidates: [], names: kind }
  if (/^(path|files?)$/.test(name)) return { candidates: [], files: true }
  return { candidates: fixed[name] ?? [] }
}

/** What a verb calls an argument, or the value of an option: `stream` for `--stream <stream>`. */
function nameOf(what: Argument | Option): string {
  const text = 'flags' in what ? /[<[]([^\].>]+)[^\]>]*[\]>]/.exec(what.flags)?.[1] : what.name()
  // Of several words the last says what it is: `adjacent shard`.
  return text?.split(' ').at(-1) ?? ''
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const found = command.registeredArguments[index] ?? command.registeredArguments.at(-1)
  const isThere = index < command.registeredArguments.length || found?.variadic === true
  return isThere ? found : undefined
}

function optionOf(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => long === flag || short === flag)
}

/** The options that can still be given. One that collects its values can be given again. */
function optionsOf({ command, given }: Line): Candidate[] {
  const left = command.options.filter(
    (option) => !option.hidden && (!given.has(option) || typeof option.defaultValue === 'object'),
  )
  const shown = left.map((option) => ({ value: option.long ?? option.short!, says: option.description }))
  return [...shown, { value: '--help', says: 'show the help' }]
}

function verbCandidate(verb: Command): Candidate {
  return { value: verb.name(), says: verb.description() }
}

function isHidden(verb: Command): boolean {
  return (verb as Command & { readonly _hidden?: boolean })._hidden === true
}
