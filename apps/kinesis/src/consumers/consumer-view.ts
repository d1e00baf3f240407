// A registered consumer as requests see it: what the broker says of it, with what the endpoint keeps of it. Pure.
import type { Consumer } from 'millrace'
import type { ConsumerFacts } from '../book/stream-facts.ts'
import type { StreamView } from '../book/stream-view.ts'
import { consumerArn } from '../identifiers/arn.ts'
import type { OutputOf } from '../model/operations.ts'

export interface ConsumerView {
  readonly name: string
  readonly arn: string
  /** The seconds that its ARN ends with. */
  readonly arnSeconds: number
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING'
  readonly createdAt: Date
  readonly stream: StreamView
}

export interface ViewContext {
  readonly stream: StreamView
  readonly region: string
  readonly account: string
  readonly nowMs: number
  /** How long a consumer is CREATING or DELETING. */
  readonly stateDelayMs: number
}

/** A consumer that the broker has. */
export function viewOf(
  { name, createdAt, status }: Consumer,
  facts: Pick<ConsumerFacts, 'arnSeconds'>,
  context: ViewContext,
): ConsumerView {
  const isNew = context.nowMs < createdAt.getTime() + context.stateDelayMs
  return view({ name, createdAt, facts, status: status === 'ACTIVE' && isNew ? 'CREATING' : status }, context)
}

/** A consumer that was deregistered, and is still shown. */
export function deletingView(
  name: string,
  { createdAt, ...facts }: Pick<ConsumerFacts, 'arnSeconds'> & { readonly createdAt: number },
  context: ViewContext,
): ConsumerView {
  return view({ name, createdAt: new Date(createdAt), facts, status: 'DELETING' }, context)
}

/** The seconds of an ARN: those of the registration, unless an earlier consumer of the name has used them. */
export function arnSecondsOf(
  createdAt: Date | number,
  { arnSeconds }: Partial<Pick<ConsumerFacts, 'arnSeconds'>>,
): number {
  return arnSeconds ?? Math.floor(Number(createdAt) / 1000)
}

/** A consumer as the API describes it in lists. */
export function consumerShape({
  name,
  arn,
  status,
  createdAt,
}: ConsumerView): OutputOf<'RegisterStreamConsumer'>['Consumer'] {
  return {
    ConsumerName: name,
    ConsumerARN: arn,
    ConsumerStatus: status,
    ConsumerCreationTimestamp: createdAt,
  }
}

function view(
  {
    name,
    createdAt,
    facts,
    status,
  }: Pick<ConsumerView, 'name' | 'createdAt' | 'status'> & {
    readonly facts: Pick<ConsumerFacts, 'arnSeconds'>
  },
  { stream, region, account }: ViewContext,
): ConsumerView {
  const arnSeconds = arnSecondsOf(createdAt, facts)
  const place = { region, account, name: stream.name, consumer: name, createdAt: new Date(arnSeconds * 1000) }
  return { name, arn: consumerArn(place), arnSeconds, status, createdAt, stream }
}
