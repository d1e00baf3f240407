// What loads need of the app agent. It is compiled after the bench, so that its own types are not there yet. Runs in load processes.

interface AgentConfiguration {
  readonly file: string
}

interface AgentRun {
  runOnce(options: {
    readonly broker: { readonly url: string }
    readonly config: AgentConfiguration
    readonly log: () => void
    readonly signal: AbortSignal
    readonly onProgress: () => void
  }): Promise<{
    readonly snapshot: { readonly flows: readonly { readonly tally: { readonly recordsSent: number } }[] }
  }>
}

interface AgentServe {
  serveApp(
    task: {
      readonly broker: { readonly url: string }
      readonly options: Readonly<Record<string, string | number>>
    },
    tell: () => void,
  ): Promise<{ close(): Promise<void> }>
}

interface AgentConfigReader {
  loadAgentConfig(file: string): Promise<AgentConfiguration>
}

const PACKAGE: string = '@millrace/agent'

export async function agentApp(): Promise<AgentRun & AgentServe & AgentConfigReader> {
  const { runOnce } = (await import(`${PACKAGE}/run`)) as AgentRun
  const { serveApp } = (await import(`${PACKAGE}/app`)) as AgentServe
  const { loadAgentConfig } = (await import(`${PACKAGE}/config`)) as AgentConfigReader
  return { runOnce, serveApp, loadAgentConfig }
}
