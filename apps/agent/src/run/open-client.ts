// The client by which flows go to the broker; none where all flows go elsewhere.
import { connect, type Client } from 'millrace'
import type { AppConnection } from 'millrace/app'
import type { AgentConfig } from '../config/index.ts'
import type { AgentLog } from '../flows/flow-runner.ts'
import { needsBroker } from '../send/make-sender.ts'

export async function openClient(
  { url, ...access }: AppConnection,
  config: AgentConfig,
  log: AgentLog,
): Promise<Client | undefined> {
  if (!needsBroker(config)) return undefined
  return connect(url, {
    ...access,
    clientName: 'millrace-agent',
    log: ({ level, message, error }) =>
      log(level, error === undefined ? message : `${message}: ${error.message}`),
  })
}
