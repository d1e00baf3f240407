// The configuration of the agent as the command line and other programs read it: `import … from '@millrace/agent/config'`.
export {
  agentConfig,
  loadAgentConfig,
  type AgentConfig,
  type AwsSettings,
  type ConfigText,
} from './agent-config.ts'
export { AgentConfigFault, printedProblem, type ConfigPlace, type ConfigProblem } from './config-fault.ts'
export type { FlowConfig, FlowDestination, PartitionKeyOption } from './flow-config.ts'
