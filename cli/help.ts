// How help looks, and the options that several verbs share. Pure but for the default url, which the environment may name.
import { Option, type Command } from 'commander'
import { defaultUrl } from '../client/environment.ts'

/** Of what stands below the options, which are set to the width of the screen. */
export const HELP_WIDTH = 80

export interface Example {
  readonly line: string
  readonly says: string
}

/** Appends examples to a verb's help. Every verb has some. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  const width = Math.max(...examples.map(({ line }) => line.length))
  const beside = examples.map(({ line, says }) => `  $ ${line.padEnd(width)}  # ${says}`)
  const isWide = beside.some((line) => line.length > HELP_WIDTH)
  const lines = isWide ? examples.map(({ line, says }) => `  $ ${line}\n      # ${says}`) : beside
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** `--url`, for verbs that talk to a broker. */
export function urlOption(): Option {
  return new Option('--url <url>', 'the broker (env MILLRACE_URL)').default(defaultUrl())
}

/** `--json`, for verbs whose result a script reads. */
export function jsonOption(): Option {
  return new Option('--json', 'print JSON for scripts')
}
