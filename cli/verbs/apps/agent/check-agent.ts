// `millrace agent --check`: prints what a configuration would do. It ends with success where nothing keeps records from being delivered.
import { Failure } from '../../../failure.ts'
import { formatBytes } from '../../../output/amounts.ts'
import { print, printJson, tell } from '../../../terminal.ts'
import type { AgentCheckReport } from './agent-module.ts'
import type { AgentRun } from './agent-run.ts'

export async function checkOnce({ task, flags, terminal, agent, config }: AgentRun): Promise<void> {
  const report = await agent.checkAgent(task.broker, config)
  if (flags.json === true) printJson(terminal, report, { indent: 2 })
  else {
    for (const line of linesOf(report)) print(terminal, line)
    for (const warning of report.warnings) tell(terminal, `warning: ${warning}`)
    for (const error of report.errors) tell(terminal, `error: ${error}`)
  }
  if (report.errors.length > 0) throw new Failure('')
}

function linesOf({ configs, stateDir, flows }: AgentCheckReport): readonly string[] {
  return [
    `configuration  ${configs.join(', ')}`,
    `positions      ${stateDir}`,
    ...flows.flatMap(({ name, destination, trouble, files }) => [
      '',
      name,
      `  to ${destination}${trouble === undefined ? '' : `: ${trouble}`}`,
      ...files.map(
        ({ path, size, offset, note }) =>
          `  ${path}  ${offset === undefined ? note : `from ${offset} of ${formatBytes(size)}, ${note}`}`,
      ),
    ]),
  ]
}
