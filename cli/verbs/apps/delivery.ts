// `millrace delivery`: streams delivered to files, S3, HTTP endpoints and streams. In the daemon the app runs by `serve --with delivery`.
import { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'

export function deliveryVerb(terminal: Terminal): Command {
  const serve = appVerb('delivery', terminal).description(
    'Carry out the deliveries of a broker. Ctrl-C ends it in good order; what is not delivered yet is delivered later.',
  )
  return withExamples(
    new Command('delivery')
      .description('Deliver streams to files, S3, HTTP endpoints and streams.')
      .addCommand(serve),
    [{ line: 'millrace delivery serve', says: 'carries out all deliveries of the broker of this machine' }],
  )
}
