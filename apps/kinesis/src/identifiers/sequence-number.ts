// Sequence numbers in the service's layout: as the protocol makes them, for the handlers here. Pure.
export {
  createdAtOf,
  endingSequenceNumber,
  kinesisSequenceNumber,
  normalSequenceNumber,
  parseKinesisSequenceNumber,
  SEQUENCE_NUMBER_END,
  SequenceNumbers,
  startingSequenceNumber,
  type ParsedSequenceNumber,
} from 'millrace/protocol'
