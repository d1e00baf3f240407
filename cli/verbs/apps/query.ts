// `millrace query serve`: continuous SQL over streams. In the daemon the app runs by `serve --with analytics`.
import { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'

export function queryVerb(terminal: Terminal): Command {
  const serve = appVerb('analytics', terminal).description(
    'Run the continuous queries of a broker. Ctrl-C ends it in good order; open windows are read again at the next start.',
  )
  return withExamples(
    new Command('query').description('Answer questions over streams continuously, in SQL.').addCommand(serve),
    [{ line: 'millrace query serve', says: 'runs all queries of the broker of this machine' }],
  )
}
