// What the verb `agent` hands to those of its ways that do not serve. Types.
import type { AppTask } from '../../../../client/app-process/app-task.ts'
import type { Terminal } from '../../../terminal.ts'
import type { AgentConfigModule, AgentRunModule } from './agent-module.ts'

export interface AgentRun {
  readonly task: AppTask
  readonly flags: { readonly json?: true; readonly quiet?: true }
  readonly terminal: Terminal
  readonly agent: AgentConfigModule & AgentRunModule
  readonly config: Awaited<ReturnType<AgentConfigModule['loadAgentConfig']>>
}
