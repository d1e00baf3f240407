// The line that shows a load test while it runs: how far it is, rates, latencies, errors and lag. Nothing where there is no terminal.
import { startProgress } from '../output/progress.ts'
import type { Terminal } from '../terminal.ts'
import type { LoadPlan } from './load-plan.ts'
import { loadLine, loadProgress } from './load-report.ts'
import type { LoadWorld } from './run-load.ts'

export interface LiveLine {
  readonly show: LoadWorld['onMoment']
  /** Prints a line for people that the live line does not overwrite. */
  say(line: string): void
  stop(): void
}

export function startLiveLine(terminal: Terminal, plan: LoadPlan, quiet: boolean): LiveLine {
  let at = ''
  const progress = startProgress(terminal, { verb: 'bench', total: undefined, format: () => at, quiet })
  return {
    show(moment, phase, elapsedMs) {
      at = loadProgress(phase, elapsedMs, plan)
      progress.update(0, loadLine(moment))
    },
    say: (line) => progress.say(line),
    stop: () => progress.stop(),
  }
}
