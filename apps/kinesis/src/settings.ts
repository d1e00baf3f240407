// What an endpoint is told, with its defaults. Pure.

/** Settings that handlers read. */
export interface EndpointSettings {
  /** The only region whose signatures are taken; undefined: that of each request's scope. */
  readonly region: string | undefined
  /** Region in ARNs where a request has no scope. */
  readonly regionDefault: string
  /** Twelve digits, as in ARNs. */
  readonly account: string
  /** How long a stream or consumer is CREATING, UPDATING or DELETING at least, in milliseconds. */
  readonly stateDelayMs: number
  /** How long a subscription to a shard lives, in milliseconds; then the client subscribes again. */
  readonly subscriptionLifeMs: number
  /** 'kinesis': new streams get the limits of a Kinesis shard, and calls those of the service; 'none': nothing is limited. */
  readonly limits: 'none' | 'kinesis'
  /** 'aws': resharding is refused where the service refuses it; 'millrace': only where the broker cannot. */
  readonly rules: 'aws' | 'millrace'
  /**
   * Where deliveries made through the Firehose API find their buckets: the url of a server that speaks S3, or an absolute path of a
   * directory in which each bucket is a folder. Undefined: AWS, or what the environment of the app delivery says.
   */
  readonly buckets: string | undefined
}

export const endpointDefaults: EndpointSettings = {
  region: undefined,
  regionDefault: 'us-east-1',
  account: '000000000000',
  stateDelayMs: 0,
  subscriptionLifeMs: 300_000,
  limits: 'none',
  rules: 'aws',
  buckets: undefined,
}
