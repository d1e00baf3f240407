// `millrace delivery`: streams delivered to files, S3, HTTP endpoints and streams. In the daemon the app runs by `serve --with delivery`.
import { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'
import { createVerb, updateVerb } from './delivery/make.ts'
import { deleteVerb, describeVerb, listVerb, pauseVerb, resumeVerb } from './delivery/lifecycle.ts'
import { retryVerb } from './delivery/retry.ts'

export function deliveryVerb(terminal: Terminal): Command {
  const serve = withExamples(
    appVerb('delivery', terminal).description(
      'Carry out the deliveries of a broker. Ctrl-C ends it in good order; what is not delivered yet is delivered later.',
    ),
    [{ line: 'millrace delivery serve', says: 'beside a broker of this machine' }],
  )
  return withExamples(
    new Command('delivery')
      .description('Deliver streams to files, S3, HTTP endpoints and streams.')
      .addCommand(createVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(describeVerb(terminal))
      .addCommand(updateVerb(terminal))
      .addCommand(pauseVerb(terminal))
      .addCommand(resumeVerb(terminal))
      .addCommand(retryVerb(terminal))
      .addCommand(deleteVerb(terminal))
      .addCommand(serve),
    [
      {
        line: 'millrace delivery create lake --stream clicks --to ./lake',
        says: 'files of 5 MiB or 5 minutes',
      },
      { line: 'millrace delivery describe lake', says: 'how far it is, and why' },
      { line: 'millrace delivery serve', says: 'carries out all deliveries of the broker of this machine' },
    ],
  )
}
