// What the verb uses of the app agent beside serving: modules found as an installed package, and loaded when the verb is chosen. The types
// are the app's promise to the command line; a test holds the app to them.
import type { AppConnection } from '../../../../client/app-process/app-task.ts'
import { importAppModule } from '../../../apps/app-module.ts'

/** A configuration that was read and checked. Opaque to the command line. */
interface AgentConfiguration {
  readonly file: string
}

/** The module `config` of the app's package. */
export interface AgentConfigModule {
  /** Rejects with what is wrong, all of it, a line each. */
  loadAgentConfig(
    file: string,
    options: { readonly stateDir?: string | undefined },
  ): Promise<AgentConfiguration>
}

export interface AgentCheckReport {
  readonly configs: readonly string[]
  readonly stateDir: string
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
  readonly flows: readonly {
    readonly name: string
    readonly destination: string
    readonly trouble: string | undefined
    readonly files: readonly {
      readonly path: string
      readonly size: number
      readonly offset: number | undefined
      readonly note: string
    }[]
  }[]
}

export interface AgentTally {
  readonly recordsRead: number
  readonly recordsSent: number
  readonly recordsSkipped: number
  readonly recordsCut: number
  readonly chunksLost: number
}

export interface AgentOnceOutcome {
  readonly snapshot: { readonly flows: readonly { readonly name: string; readonly tally: AgentTally }[] }
  readonly failures: readonly string[]
  readonly isInterrupted: boolean
}

/** The module `run` of the app's package. */
export interface AgentRunModule<C extends AgentConfiguration = AgentConfiguration> {
  checkAgent(broker: AppConnection, config: C): Promise<AgentCheckReport>
  runOnce(options: {
    readonly broker: AppConnection
    readonly config: C
    readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
    readonly signal: AbortSignal
    readonly onProgress: (progress: {
      readonly records: number
      readonly deliveredBytes: number
      readonly bytes: number
    }) => void
  }): Promise<AgentOnceOutcome>
}

export async function loadAgent(): Promise<AgentConfigModule & AgentRunModule> {
  const config = await importAppModule<AgentConfigModule>('agent', 'config')
  const run = await importAppModule<AgentRunModule>('agent', 'run')
  return { loadAgentConfig: config.loadAgentConfig, checkAgent: run.checkAgent, runOnce: run.runOnce }
}
