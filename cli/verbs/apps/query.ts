// `millrace query create|list|describe|explain|replace|diff|promote|pause|resume|watch|delete|serve`: SQL over streams that is answered for ever. In the
// daemon the app runs by `serve --with analytics`.
import { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'
import { diffVerb, promoteVerb } from './queries/beside.ts'
import { describeVerb, explainVerb, listVerb } from './queries/list.ts'
import { createVerb, replaceVerb } from './queries/make.ts'
import { deleteVerb, pauseVerb, resumeVerb } from './queries/state.ts'
import { watchVerb } from './queries/watch.ts'

export function queryVerb(terminal: Terminal): Command {
  const serve = withExamples(
    appVerb('analytics', terminal).description(
      'Run the continuous queries of a broker. Ctrl-C ends it in good order; rows of open windows are read again at the next start.',
    ),
    [{ line: 'millrace query serve', says: 'beside a broker of this machine' }],
  )
  return withExamples(
    new Command('query')
      .description('Answer questions over streams continuously, in SQL.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(explainVerb(terminal))
      .addCommand(replaceVerb(terminal))
      .addCommand(diffVerb(terminal))
      .addCommand(promoteVerb(terminal))
      .addCommand(pauseVerb(terminal))
      .addCommand(resumeVerb(terminal))
      .addCommand(watchVerb(terminal))
      .addCommand(deleteVerb(terminal))
      .addCommand(serve),
    [
      { line: 'millrace query create views --file views.sql', says: 'SQL over streams, into streams' },
      { line: 'millrace query explain views', says: 'how it stands, and why nothing comes out' },
      { line: 'millrace query watch views', says: 'its results as they come' },
      { line: 'millrace query serve', says: 'runs all queries of the broker of this machine' },
    ],
  )
}
