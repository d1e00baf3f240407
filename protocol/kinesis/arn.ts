// Amazon resource names of streams, consumers and channels: written, and taken apart. Pure.
// A resource belongs to a region and an account only by its ARN: the broker knows streams by name.

/** Where a stream is, in the words of an ARN. */
export interface StreamPlace {
  readonly region: string
  /** Twelve digits. */
  readonly account: string
  readonly name: string
}

/** Where a registered consumer is. */
export interface ConsumerPlace extends StreamPlace {
  readonly consumer: string
  /** When it was registered: its ARN has whole seconds, so that a consumer that is registered anew has another ARN. */
  readonly createdAt: Date
}

/** What an ARN names. */
export type ResourcePlace =
  | ({ readonly kind: 'stream' } & StreamPlace)
  | ({ readonly kind: 'consumer' } & ConsumerPlace)
  | { readonly kind: 'channel'; readonly region: string; readonly account: string; readonly id: string }

const NAME = '[a-zA-Z0-9_.-]{1,128}'
const STREAM = new RegExp(`^stream/(${NAME})$`)
const CONSUMER = new RegExp(`^stream/(${NAME})/consumer/(${NAME}):(\\d{1,12})$`)
const CHANNEL = /^channel\/(\S+)$/

/** `arn:aws:kinesis:us-east-1:000000000000:stream/clicks`; regions of other partitions get theirs. */
export function streamArn({ region, account, name }: StreamPlace): string {
  return `arn:${partitionOf(region)}:kinesis:${region}:${account}:stream/${name}`
}

/** The ARN of its stream, followed by `/consumer/`, its name, a colon and the seconds of its registration. */
export function consumerArn(place: ConsumerPlace): string {
  return `${streamArn(place)}/consumer/${place.consumer}:${Math.floor(place.createdAt.getTime() / 1000)}`
}

/** Returns undefined for what is no ARN of a stream. */
export function parseStreamArn(text: string): StreamPlace | undefined {
  const resource = parseResourceArn(text)
  return resource?.kind === 'stream' ? resource : undefined
}

/** Returns undefined for what is no ARN of a consumer. */
export function parseConsumerArn(text: string): ConsumerPlace | undefined {
  const resource = parseResourceArn(text)
  return resource?.kind === 'consumer' ? resource : undefined
}

/** Returns undefined for what is no ARN of Kinesis Data Streams. */
export function parseResourceArn(text: string): ResourcePlace | undefined {
  const [, region, account, resource] = /^arn:aws[a-z-]*:kinesis:([^:]+):(\d{12}):(.+)$/.exec(text) ?? []
  if (region === undefined || account === undefined || resource === undefined) return undefined
  const stream = STREAM.exec(resource)?.[1]
  if (stream !== undefined) return { kind: 'stream', region, account, name: stream }
  const [, name, consumer, seconds] = CONSUMER.exec(resource) ?? []
  if (name !== undefined && consumer !== undefined) {
    return { kind: 'consumer', region, account, name, consumer, createdAt: new Date(Number(seconds) * 1000) }
  }
  const id = CHANNEL.exec(resource)?.[1]
  return id === undefined ? undefined : { kind: 'channel', region, account, id }
}

/** The first word of ARNs in a region: `aws`, but for regions that stand by themselves. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}
