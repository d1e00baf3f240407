// `millrace function create|list|describe|update|logs|invoke|pause|resume|skip|delete|serve`: functions that are run on the records of
// streams. In the daemon the app runs by `serve --with functions`.
import { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'
import { createVerb, updateVerb } from './functions/create.ts'
import { invokeVerb } from './functions/invoke.ts'
import { describeVerb, listVerb } from './functions/list.ts'
import { logsVerb } from './functions/logs.ts'
import { deleteVerb, pauseVerb, resumeVerb, skipVerb } from './functions/state.ts'

export function functionVerb(terminal: Terminal): Command {
  const serve = appVerb('functions', terminal).description(
    'Run the functions of a broker. Ctrl-C ends it in good order: calls under way end first.',
  )
  return withExamples(
    new Command('function')
      .description('Run functions on the records of streams.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(updateVerb(terminal))
      .addCommand(logsVerb(terminal))
      .addCommand(invokeVerb(terminal))
      .addCommand(pauseVerb(terminal))
      .addCommand(resumeVerb(terminal))
      .addCommand(skipVerb(terminal))
      .addCommand(deleteVerb(terminal))
      .addCommand(serve),
    [
      {
        line: 'millrace function create enrich --stream clicks --handler ./enrich.mjs --to enriched',
        says: 'from a stream, through a module, into a stream',
      },
      { line: 'millrace function describe enrich', says: 'how far it is, and what it stands still at' },
      { line: 'millrace function logs enrich --follow', says: 'what it prints' },
      { line: 'millrace function serve', says: 'runs all functions of the broker of this machine' },
    ],
  )
}
