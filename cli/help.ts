// The format of help, and options that several verbs share. Pure.
import { Option, type Command } from 'commander'

/** Columns of the text below the options; the options themselves use the width of the screen. */
export const HELP_WIDTH = 80

export interface Example {
  readonly line: string
  readonly says: string
}

/** Appends examples to a verb's help. Every verb has examples. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  const width = Math.max(...examples.map(({ line }) => line.length))
  const beside = examples.map(({ line, says }) => `  $ ${line.padEnd(width)}  # ${says}`)
  const isWide = beside.some((line) => line.length > HELP_WIDTH)
  const lines = isWide ? examples.map(({ line, says }) => `  $ ${line}\n      # ${says}`) : beside
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** The option `--json`, for verbs whose result a script may read. */
export function jsonOption(): Option {
  return new Option('--json', 'print JSON for scripts')
}
