// The client by which flows go to the broker; none where all flows go elsewhere.
import { connect, type Client } from 'millrace'
import type { AppConnection } from 'millrace/app'
import type { AgentConfig } from '../config/index.ts'
import type { AgentLog } from '../flows/flow-runner.ts'
import { BrokerTroubles } from '../send/broker-troubles.ts'
import { needsBroker } from '../send/make-sender.ts'

export interface OpenedClient {
  /** Undefined where no flow goes to the broker. */
  readonly client: Client | undefined
  readonly troubles: BrokerTroubles
}

export async function openClient(
  { url, ...access }: AppConnection,
  config: AgentConfig,
  { log, now }: { readonly log: AgentLog; readonly now: () => number },
): Promise<OpenedClient> {
  const troubles = new BrokerTroubles(now)
  if (!needsBroker(config)) return { client: undefined, troubles }
  const client = await connect(url, {
    ...access,
    clientName: 'millrace-agent',
    log: (entry) => {
      troubles.note(entry)
      const { level, message, error } = entry
      log(level, error === undefined ? message : `${message}: ${error.message}`)
    },
  })
  return { client, troubles }
}
