// `millrace function`: functions that are run on the records of streams. In the daemon the app runs by `serve --with functions`.
import { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'

export function functionVerb(terminal: Terminal): Command {
  const serve = appVerb('functions', terminal).description(
    'Run the functions of a broker. Ctrl-C ends it in good order: calls under way end first.',
  )
  return withExamples(
    new Command('function').description('Run functions on the records of streams.').addCommand(serve),
    [{ line: 'millrace function serve', says: 'runs all functions of the broker of this machine' }],
  )
}
