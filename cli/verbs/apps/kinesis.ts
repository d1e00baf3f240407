// `millrace kinesis`: the Kinesis API by itself, in front of a broker. In the daemon it is `serve --with kinesis`.
import type { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'

export function kinesisVerb(terminal: Terminal): Command {
  const command = appVerb('kinesis', terminal).description(
    'Serve the Kinesis API in front of a broker. Ctrl-C drains it: what is in flight is answered, then it ends.',
  )
  return withExamples(command, [
    { line: 'millrace kinesis', says: 'for the broker of this machine, on port 4567' },
    {
      line: 'millrace kinesis --url millrace://127.0.0.1:7400 --port 4568',
      says: 'the same, on another port',
    },
    {
      line: 'millrace kinesis --profile prod --host 0.0.0.0 --tls-dir ./tls',
      says: 'for clients on other machines, which sign their requests',
    },
  ])
}
