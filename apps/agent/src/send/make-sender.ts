// Chooses the sender of a flow by its destination.
import type { AgentConfig, FlowConfig } from '../config/index.ts'
import type { AgentRim } from '../rim.ts'
import { firehoseCalls, kinesisCalls } from './aws-calls.ts'
import { AwsSender } from './aws-sender.ts'
import { BrokerSender, type BrokerSenderOptions } from './broker-sender.ts'
import type { SendEvents, Sender } from './sender.ts'

export interface SenderParts {
  readonly flow: FlowConfig
  readonly config: AgentConfig
  /** Undefined where no flow goes to the broker. */
  readonly client: BrokerSenderOptions['client'] | undefined
  readonly rim: AgentRim
  readonly events: SendEvents
  readonly log: (level: 'info', message: string) => void
}

export function makeSender({ flow, config, client, rim, events, log }: SenderParts): Sender {
  const { destination } = flow
  switch (destination.type) {
    case 'stream':
    case 'delivery':
      return new BrokerSender({
        client: client!,
        destination,
        createsStreams: config.createsStreams,
        events,
        onCreated: (stream) => log('info', `The stream ${stream} did not exist, and was created.`),
      })
    case 'kinesis':
    case 'firehose': {
      const calls = destination.type === 'kinesis' ? kinesisCalls : firehoseCalls
      return new AwsSender({
        calls: calls(destination.name, destination.endpoint, config.aws),
        backoff: flow.retry,
        events,
        wait: rim.wait,
        random: rim.random,
      })
    }
  }
}

/** Whether any flow needs the broker. */
export function needsBroker({ flows }: AgentConfig): boolean {
  return flows.some(isOfBroker)
}

/** Whether a flow goes to the broker. */
export function isOfBroker({ destination: { type } }: FlowConfig): boolean {
  return type === 'stream' || type === 'delivery'
}
