// Puts a record and reads it back, with AWS' SDK for JavaScript: only the endpoint is another one.
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  PutRecordCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis'

const kinesis = new KinesisClient({ endpoint: 'http://127.0.0.1:4567' })
const StreamName = 'clicks-javascript'

await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
await waitUntilStreamExists({ client: kinesis, maxWaitTime: 30 }, { StreamName })
const { ShardId, SequenceNumber } = await kinesis.send(
  new PutRecordCommand({ StreamName, PartitionKey: 'ada', Data: Buffer.from('/cart') }),
)
const { ShardIterator } = await kinesis.send(
  new GetShardIteratorCommand({
    StreamName,
    ShardId,
    ShardIteratorType: 'AT_SEQUENCE_NUMBER',
    StartingSequenceNumber: SequenceNumber,
  }),
)
const { Records } = await kinesis.send(new GetRecordsCommand({ ShardIterator }))
for (const { PartitionKey, Data } of Records) console.log(PartitionKey, Buffer.from(Data).toString())
