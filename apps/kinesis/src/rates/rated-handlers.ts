// Handlers that refuse calls beyond the rates of the service. Runs in the endpoint, where its limits are on; else none of this is.
// A refused call has done nothing and counts for nothing.
import type { Call, Handler, Handlers } from '../call.ts'
import { parseResourceArn } from '../identifiers/arn.ts'
import { KinesisError } from '../model/errors.ts'
import type { OperationName } from '../model/operations.ts'
import { Bucket } from './bucket.ts'
import { callRates, type CallRate } from './call-rates.ts'

export interface RatedOptions {
  readonly account: string
  readonly now: () => number
}

/** Streams that are counted for each operation; one that was called least lately begins anew. */
const STREAMS_MAX = 1000

/** The same handlers; those of operations with a rate take no more calls than that. */
export function ratedHandlers(handlers: Partial<Handlers>, options: RatedOptions): Partial<Handlers> {
  const rated = Object.entries(handlers).map(([name, handler]) => {
    const rate = callRates[name as OperationName]
    return [name, rate === undefined ? handler : withRate(handler as Handler<OperationName>, rate, options)]
  })
  return Object.fromEntries(rated) as Partial<Handlers>
}

function withRate(
  handler: Handler<OperationName>,
  { perSecond, per }: CallRate,
  { account, now }: RatedOptions,
): Handler<OperationName> {
  const buckets = new Map<string, Bucket>()
  return async (call) => {
    const time = now()
    const stream = per === 'account' ? '' : streamOf(call)
    const bucket = buckets.get(stream) ?? new Bucket(perSecond, time)
    buckets.delete(stream)
    buckets.set(stream, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > STREAMS_MAX && oldest !== undefined) buckets.delete(oldest)
    if (!bucket.fits(1, time)) {
      const whose = stream === '' ? `account ${account}` : `stream ${stream} under account ${account}`
      throw new KinesisError('LimitExceededException', `Rate exceeded for ${whose}.`)
    }
    bucket.take(1, time)
    return handler(call)
  }
}

interface Naming {
  readonly StreamName?: string | undefined
  readonly StreamARN?: string | undefined
  readonly ConsumerARN?: string | undefined
}

/** The name of the stream that a call is about, if it says so: the handler finds out whether it is right. */
function streamOf({ input }: Call<OperationName>): string {
  const { StreamName, StreamARN, ConsumerARN } = input as Naming
  if (StreamName !== undefined) return StreamName
  const place = parseResourceArn(StreamARN ?? ConsumerARN ?? '')
  return place === undefined || place.kind === 'channel' ? '' : place.name
}
