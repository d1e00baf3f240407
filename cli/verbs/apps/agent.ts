// `millrace agent`: sends what is appended to files to streams. In the daemon it is `serve --with agent`.
import type { Command } from 'commander'
import { appVerb } from '../../apps/app-verb.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'

export function agentVerb(terminal: Terminal): Command {
  const command = appVerb('agent', terminal).description(
    'Send what is appended to files to streams, with the configuration of the AWS Kinesis Agent.',
  )
  return withExamples(command, [
    { line: 'millrace agent --config agent.json', says: 'tails the files that its flows name, until Ctrl-C' },
  ])
}
