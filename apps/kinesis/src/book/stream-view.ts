// A stream as a request sees it: what the broker says of it, with what the endpoint keeps of it. Pure.
import type { Stream } from 'millrace'
import type { Call, Caller } from '../call.ts'
import { parseStreamArn } from '../identifiers/arn.ts'
import { KinesisError } from '../model/errors.ts'
import { operations, type OperationName } from '../model/operations.ts'
import { streamNotFound, type ErrorPlace } from '../native-errors.ts'
import { isPutOff, type StreamFacts } from './stream-facts.ts'

export interface StreamView {
  readonly name: string
  /** Id that the broker gave it: another one of the same name has another id. */
  readonly id: number
  /** In the region of the request. */
  readonly arn: string
  readonly status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING'
  readonly stream: Stream
  readonly facts: StreamFacts
}

/** How a request names a stream. */
export interface StreamNaming {
  readonly StreamName?: string | undefined
  readonly StreamARN?: string | undefined
}

/** A request about a stream: any call of which the input names one. */
export type StreamCall = Pick<Call<OperationName>, 'operation' | 'region'> & {
  readonly input: StreamNaming
  readonly caller: Caller
  readonly signal?: AbortSignal | undefined
}

/** What errors of a request tell about it. */
export function placeOf(
  call: Pick<StreamCall, 'operation' | 'region' | 'caller'>,
  account: string,
  stream?: string,
): ErrorPlace {
  return {
    operation: call.operation,
    region: call.region,
    account,
    principal: call.caller.principal,
    stream,
  }
}

/**
 * The name of the stream that a request is about. A name and an ARN have to agree. A stream of another account or region is
 * one that does not exist.
 */
export function nameOf(call: StreamCall, account: string): string {
  const { StreamName: name, StreamARN: arn } = call.input
  if (arn === undefined) {
    if (name !== undefined) return name
    const member = 'StreamName' in operations[call.operation].input.members ? 'streamName' : 'streamARN'
    const message = `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`
    throw new KinesisError('ValidationException', message)
  }
  const place = parseStreamArn(arn)
  if (place === undefined) {
    throw new KinesisError('InvalidArgumentException', `Invalid StreamARN: ${arn}`)
  }
  if (name !== undefined && name !== place.name) {
    const message = `StreamName ${name} and StreamARN ${arn} do not name the same stream.`
    throw new KinesisError('InvalidArgumentException', message)
  }
  if (place.account === account && place.region === call.region) return place.name
  throw streamNotFound({ ...placeOf(call, account, place.name), account: place.account })
}

/** The state that clients see: that of the broker, or the one that a change has left for a while. */
export function statusOf(stream: Stream, facts: StreamFacts, now: number): StreamView['status'] {
  const { statusUntil } = facts
  if (statusUntil !== undefined && (now < statusUntil.until || isPutOff(facts))) {
    return statusUntil.status
  }
  return stream.status
}

/** Whether the stream shows no shards: while it is being created, and if it was deleted before it was. */
export function hidesShards({ status, facts }: StreamView): boolean {
  return status === 'CREATING' || (status === 'DELETING' && facts.statusUntil?.hidesShards === true)
}

/** Refuses what only an active stream takes. */
export function requireActive(view: StreamView, account: string): void {
  if (view.status === 'ACTIVE') return
  const message = `Stream ${view.name} under account ${account} not ACTIVE, instead in state ${view.status}`
  throw new KinesisError('ResourceInUseException', message)
}
