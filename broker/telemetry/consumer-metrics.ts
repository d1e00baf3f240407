// The metrics of registered consumers: a part of the table in metrics.ts. Runs in controller and host; pure data.

export const consumerMetrics = {
  millrace_consumers: {
    kind: 'gauge',
    help: 'Registered consumers of all streams.',
    labels: [],
    from: 'controller',
  },
  millrace_consumer_shards: {
    kind: 'gauge',
    help: 'Open subscriptions of registered consumers, by why they are where they are: caughtUp, reading, waitingForCredit, slowReader or throttled.',
    labels: ['reason'],
    from: 'host',
  },
  millrace_consumer_records_behind_max: {
    kind: 'gauge',
    help: 'Records of its shard that were not sent to the subscription of a registered consumer that is furthest behind.',
    labels: [],
    from: 'host',
  },
  millrace_consumer_records_total: {
    kind: 'counter',
    help: 'Records sent to registered consumers.',
    labels: [],
    from: 'host',
  },
  millrace_consumer_bytes_total: {
    kind: 'counter',
    help: 'Bytes of batches sent to registered consumers.',
    labels: [],
    from: 'host',
  },
} as const
