// The client by which flows go to the broker; none where all flows go elsewhere.
import { connect, type Client, type ConnectOptions } from 'millrace'
import type { AppConnection } from 'millrace/app'
import type { AgentConfig } from '../config/index.ts'
import type { AgentLog } from '../flows/flow-runner.ts'
import type { AgentRim } from '../rim.ts'
import { BrokerLink } from '../send/broker-link.ts'
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
  return { client: await connecting({ url, ...access }, troubles, log)(), troubles }
}

export interface OpenedLink {
  /** Undefined where no flow goes to the broker. */
  readonly link: BrokerLink | undefined
  readonly troubles: BrokerTroubles
}

/** The same for an agent that goes on until it is told to end: the broker may come later. */
export async function openLink(
  broker: AppConnection,
  config: AgentConfig,
  { log, rim }: { readonly log: AgentLog; readonly rim: AgentRim },
): Promise<OpenedLink> {
  const troubles = new BrokerTroubles(rim.now)
  if (!needsBroker(config)) return { link: undefined, troubles }
  const connect = connecting(broker, troubles, log)
  return { link: await BrokerLink.open({ connect, rim, log }), troubles }
}

function connecting(
  { url, ...access }: AppConnection,
  troubles: BrokerTroubles,
  log: AgentLog,
): (signal?: AbortSignal) => Promise<Client> {
  const options: ConnectOptions = {
    ...access,
    clientName: 'millrace-agent',
    log: (entry) => {
      troubles.note(entry)
      const { level, message, error } = entry
      log(level, error === undefined ? message : `${message}: ${error.message}`)
    },
  }
  return (signal) => connect(url, { ...options, ...(signal !== undefined && { signal }) })
}
