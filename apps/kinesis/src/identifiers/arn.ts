// Amazon resource names of streams, consumers and channels: as the protocol makes them, for the handlers here. Pure.
export {
  consumerArn,
  parseConsumerArn,
  parseResourceArn,
  parseStreamArn,
  partitionOf,
  streamArn,
} from 'millrace/protocol'
