// `millrace serve`: runs a broker in the foreground until a signal drains it. Its flags are the option table.
import { Command } from 'commander'
import { loadConfig } from '../../broker/config/load.ts'
import { addConfigFlags, configFlagValues } from '../config-flags.ts'
import { endSoon } from '../../broker/telemetry/end-soon.ts'
import { Failure } from '../failure.ts'
import { withExamples } from '../help.ts'
import type { Terminal } from '../terminal.ts'

export function serveVerb(_terminal: Terminal): Command {
  const command = new Command('serve')
    .description('Run a broker. SIGTERM or Ctrl-C drains it: what is in flight is answered, then it ends.')
    .action(async () => {
      try {
        const { values: config } = loadConfig(configFlagValues(command))
        const { startDaemon } = await import('../../broker/main.ts')
        const daemon = await startDaemon(config)
        if ((await daemon.stopped) !== 0) throw new Failure('', 'failed')
      } finally {
        // The process ends even if nothing reads its output any more.
        endSoon()
      }
    })
  return withExamples(addConfigFlags(command), [
    {
      line: 'millrace serve --data-dir ./data --port 7400 --admin-port 7480',
      says: 'the defaults, spelt out',
    },
    {
      line: 'millrace serve --host 0.0.0.0 --tls-dir ./tls',
      says: 'for clients on other machines; see `millrace tls init`',
    },
    { line: 'millrace serve --config /etc/millrace.json', says: 'options from a file' },
  ])
}
