// `millrace stream scale`: changes the number of shards and shows progress, or explains what the autoscaler would do.
import { Command } from 'commander'
import type { Client, Stream } from '../../client/index.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { wholeNumber } from '../arguments.ts'
import { withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { countOf } from '../output/amounts.ts'
import { startProgress } from '../output/progress.ts'
import { scalingTable } from '../output/stream-report.ts'
import { print, printJson, screenColumns, type Terminal } from '../terminal.ts'

interface ScaleFlags extends ConnectionFlags {
  readonly json?: true
  readonly explain?: true
}

export function scaleVerb(terminal: Terminal): Command {
  const command = new Command('scale')
    .description(
      'Split and merge until a stream has so many shards of even ranges, while everything runs. With --explain, ' +
        'change nothing, and tell what the autoscaler would do and why.',
    )
    .argument('<stream>')
    .argument('[count]', 'open shards to end with', wholeNumber(1))
    .option('--explain', 'what the load asks for, shard by shard')
    .addOption(jsonOption())
    .action(async (name: string, count: number | undefined, options: ScaleFlags) => {
      if ((count === undefined) !== (options.explain === true)) {
        throw new Failure(
          'Name the count of shards to end with, or ask for --explain: one of the two.',
          'usage',
        )
      }
      if (count === undefined) await explain(terminal, name, options)
      else await scale(terminal, { name, count }, options)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace stream scale clicks 64', says: 'done when there are 64' },
    { line: 'millrace stream scale clicks --explain', says: 'what would be split or merged now' },
  ])
}

async function explain(terminal: Terminal, name: string, options: ScaleFlags): Promise<void> {
  const report = await withClient(terminal, options, (client) => client.explainScaling(name))
  if (options.json === true) printJson(terminal, report, { indent: 2 })
  else print(terminal, scalingTable(report, { columns: screenColumns(terminal) }))
}

async function scale(
  terminal: Terminal,
  goal: { readonly name: string; readonly count: number },
  options: ScaleFlags,
): Promise<void> {
  const signal = terminal.interrupted()
  const quiet = options.json === true
  const stream = await withClient(terminal, options, async (client) => {
    try {
      return await scaleTo(client, goal, { signal, terminal, quiet })
    } catch (error) {
      if (!signal.aborted || !MillraceError.is(error, 'aborted')) throw error
      throw new Failure(`The change to ${countOf(goal.count, 'shard')} goes on by itself.`, 'interrupted')
    }
  })
  if (options.json === true) printJson(terminal, stream, { indent: 2 })
  else print(terminal, `${stream.name} has ${countOf(stream.openShardCount, 'open shard')}.`)
}

async function scaleTo(
  client: Client,
  { name, count }: { readonly name: string; readonly count: number },
  { signal, terminal, quiet }: { signal: AbortSignal; terminal: Terminal; quiet: boolean },
): Promise<Stream> {
  const { openShardCount: before } = await client.describeStream(name, { signal })
  const total = Math.abs(count - before)
  const progress = startProgress(terminal, { verb: 'scale', total, quiet })
  try {
    return await client.updateShardCount(name, count, {
      signal,
      onProgress: ({ openShardCount: now }) =>
        progress.update(Math.min(total, Math.abs(now - before)), countOf(now, 'open shard')),
    })
  } finally {
    progress.stop()
  }
}
