// `millrace function logs`: what a function printed, with Lambda's lines around each call.
import { Command } from 'commander'
import type { Client } from '../../../../client/index.ts'
import { FUNCTION_LOG_STREAM } from '../../../../protocol/apps/function-definition.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { parseSpan } from '../../../positions.ts'
import { print, printJson, tell, type Terminal } from '../../../terminal.ts'

interface LogFlags extends ConnectionFlags {
  readonly from: string
  readonly until?: string
  readonly follow?: true
  readonly request?: string
  readonly level?: string
  readonly json?: true
}

/** A line as the stream has it. */
interface LoggedLine {
  readonly at: number
  readonly level: string
  readonly requestId?: string
  readonly line: string
}

/** How often it is looked for the stream of the logs, which the first line makes. */
const LOOK_MS = 500

export function logsVerb(terminal: Terminal): Command {
  const command = new Command('logs')
    .description(
      'Show what a function printed, with the lines that Lambda writes around each call. They are kept for a day.',
    )
    .argument('<function>')
    .option('--from <position>', 'where to begin: TRIM_HORIZON, LATEST, a time, or how long ago', '1h')
    .option('--until <position>', 'where to end')
    .option('--follow', 'go on with new lines until Ctrl-C')
    .option('--request <id>', 'only those of this call')
    .addOption(jsonOption())
    .action((name: string, flags: LogFlags) => logs(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace function logs enrich --follow', says: 'the last hour, and on' },
    { line: 'millrace function logs enrich --from 15m', says: 'the last quarter of an hour' },
    {
      line: 'millrace function logs enrich --json | jq \'select(.level == "error")\'',
      says: 'one JSON object a line',
    },
  ])
}

async function logs(terminal: Terminal, name: string, flags: LogFlags): Promise<void> {
  const { from, until } = parseSpan(flags, Date.now())
  const signal = AbortSignal.any([terminal.interrupted(), terminal.outputClosed])
  const follow = flags.follow === true
  const show = (line: LoggedLine): void => {
    if (flags.request !== undefined && line.requestId !== flags.request) return
    if (flags.json === true) printJson(terminal, line)
    else print(terminal, lineText(line))
  }
  const read = async (client: Client): Promise<void> => {
    try {
      if (follow) await untilMade(client, signal)
      const options = {
        partitionKey: name,
        from,
        follow,
        signal,
        onTrimmed: 'horizon',
        ...(until !== undefined && { until }),
      } as const
      for await (const { bytes } of client.read(FUNCTION_LOG_STREAM, options)) show(parsed(bytes))
    } catch (error) {
      // Ctrl-C is the normal end of what follows.
      if (signal.aborted && follow) return
      if (!MillraceError.is(error, 'streamNotFound')) throw error
      tell(terminal, 'No function has printed anything yet.')
    }
  }
  await withClient(terminal, flags, read, { tellsTroubles: follow })
}

/** Waits until there is a stream of logs. */
async function untilMade(client: Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await client.describeStream(FUNCTION_LOG_STREAM, { signal })
      return
    } catch (error) {
      if (!MillraceError.is(error, 'streamNotFound')) throw error
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          signal.removeEventListener('abort', end)
          resolve()
        }, LOOK_MS)
        const end = (): void => {
          clearTimeout(timer)
          reject(error)
        }
        signal.addEventListener('abort', end, { once: true })
      })
    }
  }
}

/** A record that somebody else put there is shown as it is. */
function parsed(bytes: Uint8Array): LoggedLine {
  const text = Buffer.from(bytes).toString('utf8')
  try {
    const line = JSON.parse(text) as Partial<LoggedLine>
    if (typeof line.at === 'number' && typeof line.line === 'string')
      return { level: 'info', ...line } as LoggedLine
  } catch {
    // It is no line of a function.
  }
  return { at: 0, level: 'info', line: text }
}

function lineText({ at, level, line }: LoggedLine): string {
  const mark = level === 'info' || level === 'platform' ? '' : `${level.toUpperCase()} `
  return `${new Date(at).toISOString()}  ${mark}${line}`
}
