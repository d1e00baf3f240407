// `millrace agent --once`: sends what is in the files now, and ends; with success where all of it is stored.
import { showLog } from '../../../apps/app-verb.ts'
import { Failure } from '../../../failure.ts'
import { countOf, formatBytes } from '../../../output/amounts.ts'
import { startProgress } from '../../../output/progress.ts'
import { printJson, tell } from '../../../terminal.ts'
import type { AgentOnceOutcome, AgentTally } from './agent-module.ts'
import type { AgentRun } from './agent-run.ts'

export async function readOnce({ task, flags, terminal, agent, config }: AgentRun): Promise<void> {
  const isQuiet = flags.quiet === true || flags.json === true
  // Its size is known when the files are found.
  let progress: ReturnType<typeof startProgress> | undefined
  const outcome = await agent
    .runOnce({
      broker: task.broker,
      config,
      signal: terminal.interrupted(),
      log: (level, message) => {
        if (progress === undefined || level === 'debug') showLog(terminal, { type: 'log', level, message })
        else progress.say(`millrace: ${message}`)
      },
      onProgress: ({ records, deliveredBytes, bytes }) => {
        if (bytes === 0) return
        progress ??= startProgress(terminal, {
          verb: 'agent',
          total: bytes,
          format: formatBytes,
          quiet: isQuiet,
        })
        progress.update(deliveredBytes, countOf(records, 'record'))
      },
    })
    .finally(() => progress?.stop())
  if (flags.json === true) printJson(terminal, outcome.snapshot)
  else if (flags.quiet !== true) tell(terminal, summaryOf(outcome))
  for (const failure of outcome.failures) tell(terminal, `millrace: ${failure}`)
  if (outcome.isInterrupted) throw new Failure('', 'interrupted')
  if (outcome.failures.length > 0 || total(outcome, 'chunksLost') > 0) throw new Failure('')
}

function summaryOf(outcome: AgentOnceOutcome): string {
  const skipped = total(outcome, 'recordsSkipped')
  const cut = total(outcome, 'recordsCut')
  return [
    `Sent ${countOf(total(outcome, 'recordsSent'), 'record')}.`,
    ...(skipped > 0 ? [`Skipped by processing: ${countOf(skipped, 'record')}.`] : []),
    ...(cut > 0 ? [`Cut because of their size: ${countOf(cut, 'record')}.`] : []),
  ].join(' ')
}

function total({ snapshot }: AgentOnceOutcome, name: keyof AgentTally): number {
  return snapshot.flows.reduce((sum, { tally }) => sum + tally[name], 0)
}
