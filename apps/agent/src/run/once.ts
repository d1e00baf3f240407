// Reads what is there, once: what `millrace agent --once` does. Runs in the process of the command line.
import type { AppConnection } from 'millrace/app'
import type { AgentConfig } from '../config/index.ts'
import type { FileState } from '../files/file-status.ts'
import type { AgentLog } from '../flows/flow-runner.ts'
import { worldRim } from '../rim.ts'
import type { AgentSnapshot } from '../status/snapshot.ts'
import { Agent } from './agent.ts'
import { openClient } from './open-client.ts'

export interface OnceOptions {
  readonly broker: AppConnection
  readonly config: AgentConfig
  readonly log: AgentLog
  /** Ends it early, in good order. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: OnceProgress) => void
}

export interface OnceProgress {
  readonly records: number
  /** Bytes of files that are delivered, and that there are. */
  readonly deliveredBytes: number
  readonly bytes: number
}

export interface OnceOutcome {
  readonly snapshot: AgentSnapshot
  /** A sentence for each flow that could not deliver everything, and each file that could not be read. */
  readonly failures: readonly string[]
  readonly isInterrupted: boolean
}

const PROGRESS_MS = 250

const unreadStates: ReadonlySet<FileState> = new Set(['unreadable', 'vanished', 'pattern'])

export async function runOnce({
  broker,
  config,
  log,
  signal,
  onProgress,
}: OnceOptions): Promise<OnceOutcome> {
  const { client, troubles } = await openClient(broker, config, { log, now: worldRim.now })
  try {
    const agent = await Agent.start({
      config,
      client: client && (() => Promise.resolve(client)),
      troubles,
      rim: worldRim,
      log,
      isOnce: true,
    })
    const ending = new AbortController()
    const stop = (): void => ending.abort()
    signal.addEventListener('abort', stop, { once: true })
    const interrupted = new Promise<readonly []>((resolve) => {
      ending.signal.addEventListener('abort', () => resolve([]), { once: true })
    })
    const ended = agent.ended()
    const telling = tellProgress(agent, ending.signal, onProgress)
    const faults = await Promise.race([ended, interrupted])
    const isInterrupted = signal.aborted
    ending.abort()
    await telling
    signal.removeEventListener('abort', stop)
    await agent.close()
    agent.refresh()
    const snapshot = agent.snapshot()
    const failures = faults.map(
      ({ flow, error }) => `${flow.name}: ${error instanceof Error ? error.message : String(error)}`,
    )
    return { snapshot, failures: [...failures, ...unreadFiles(snapshot)], isInterrupted }
  } finally {
    await client?.close()
  }
}

/** Files that match and whose content nobody has. */
function unreadFiles({ flows }: AgentSnapshot): readonly string[] {
  return flows.flatMap(({ files }) =>
    files
      .filter(({ state }) => unreadStates.has(state))
      .map(({ path, reason }) => (reason.startsWith(path) ? reason : `${path}: ${reason}`)),
  )
}

async function tellProgress(
  agent: Agent,
  signal: AbortSignal,
  onProgress: OnceOptions['onProgress'],
): Promise<void> {
  while (!signal.aborted) {
    agent.refresh()
    const { flows } = agent.snapshot()
    const files = flows.flatMap((flow) => flow.files)
    onProgress({
      records: flows.reduce((sum, { tally }) => sum + tally.recordsSent, 0),
      deliveredBytes: files.reduce((sum, { confirmedOffset }) => sum + confirmedOffset, 0),
      bytes: files.reduce((sum, { size }) => sum + size, 0),
    })
    await worldRim.wait(PROGRESS_MS, signal)
  }
}
