// `millrace agent`: sends what is appended to files to streams. In the daemon it is `serve --with agent`.
import { Option, type Command } from 'commander'
import type { AppTask } from '../../../client/app-process/app-task.ts'
import { appVerb } from '../../apps/app-verb.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'
import { loadAgent, type AgentConfigModule } from './agent/agent-module.ts'
import { checkOnce } from './agent/check-agent.ts'
import { readOnce } from './agent/once.ts'

export interface AgentFlags {
  readonly once?: true
  readonly check?: true
  readonly json?: true
  readonly quiet?: true
}

export function agentVerb(terminal: Terminal): Command {
  const command = appVerb('agent', terminal, {
    dependsOnAccess: false,
    instead: (given) => {
      const flags = given as AgentFlags
      if (flags.check !== true && flags.once !== true) return undefined
      const run = flags.check === true ? checkOnce : readOnce
      return async (task) => {
        const agent = await loadAgent()
        await run({ task, flags, terminal, agent, config: await configOf(agent, task) })
      }
    },
  })
    .description(
      'Send what is appended to files to streams, with the configuration of the AWS Kinesis Agent.',
    )
    .addOption(
      new Option('--once', 'read what is there, to the end of each file, and end').conflicts('check'),
    )
    .option('--check', 'say which files the configuration matches and what is wrong, and change nothing')
    .option('--quiet', 'no progress and no summary, with --once')
    .addOption(jsonOption())
  return withExamples(command, [
    { line: 'millrace agent --config agent.json', says: 'tails the files that its flows name, until Ctrl-C' },
    { line: 'millrace agent --config agent.json --once', says: 'sends what is there, and ends' },
    {
      line: 'millrace agent --config agent.json --check',
      says: 'what it would read, and whether it could send it',
    },
  ])
}

/** Ends the verb with all that is wrong with the configuration. */
async function configOf({ loadAgentConfig }: AgentConfigModule, { options }: AppTask) {
  const { config, stateDir } = options
  try {
    return await loadAgentConfig(String(config), stateDir === undefined ? {} : { stateDir: String(stateDir) })
  } catch (error) {
    if (error instanceof Error && error.name === 'AgentConfigFault')
      throw new Failure(error.message, 'failed', { cause: error })
    throw error
  }
}
