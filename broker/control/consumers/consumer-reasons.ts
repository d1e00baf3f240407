// Says why a registered consumer is where it is in a shard, as a word and a sentence. Runs in the controller; pure.
import type { WireConsumerShard } from '../../../protocol/operations.ts'
import { countOf } from '../../../protocol/text/count-text.ts'
import type { HostedConsumerShard } from '../../host-contract.ts'

type Reason = Pick<WireConsumerShard, 'reason' | 'detail'>

/** Returns the reason; `host` is undefined where the host of the shard did not answer, or does not serve it. */
export function consumerReason(
  host: HostedConsumerShard | undefined,
  limits: { readonly subscriptionBytesPerSecond: number },
): Reason {
  if (host === undefined) {
    return { reason: 'unreachable', detail: 'The host of the shard does not answer, or does not serve it.' }
  }
  const { standing: reason } = host
  return { reason, detail: detailOf(host, limits) }
}

function detailOf(
  { standing, backlog, next }: HostedConsumerShard,
  { subscriptionBytesPerSecond: rate }: { readonly subscriptionBytesPerSecond: number },
): string {
  const behind = countOf(backlog?.records ?? 0, 'record')
  switch (standing) {
    case 'caughtUp':
      return 'Everything is sent.'
    case 'reading':
      return `${behind} are being read and sent.`
    case 'waitingForCredit':
      return `${behind} wait: the reader has given no more credit, because it has not processed what it got.`
    case 'slowReader':
      return `${behind} wait: the connection does not take what was sent.`
    case 'throttled':
      return `${behind} wait: the consumer's ${rate} bytes a second are used up.`
    case 'notConnected':
      return next === null
        ? 'Nobody has subscribed to the shard as this consumer since its host started.'
        : `Nobody is subscribed to the shard as this consumer; it was sent up to ${next}.`
  }
}
