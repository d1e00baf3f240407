// Aggregated records, the format of the Kinesis Producer Library: written for its consumers, and read as its producers write
// them. `node dist/examples/aggregation.js [url]` runs it.
import { aggregate, aggregated, connect, json } from 'millrace'

interface Click {
  user: string
  page: string
}

await using client = await connect(process.argv[2])
const stream = `clicks-${Date.now()}`
await client.createStream(stream, { shards: 2 })
const clicks = ['ada', 'bob', 'cid'].flatMap((user) =>
  ['/', '/cart'].map((page) => ({ partitionKey: user, data: { user, page } })),
)

// Many clicks in one record, for each shard. Kinesis' PutRecords takes the same records.
const { items: shards } = await client.listShards(stream).page()
for (const record of aggregate(clicks, { shards, codec: json<Click>() })) {
  const { shardId, sequenceNumber } = await client.put(stream, record)
  console.log(`stored ${record.data.length} bytes as ${sequenceNumber} of ${shardId}`)
}

// The data of a record are the clicks in it. Positions and checkpoints count it as one.
for await (const { sequenceNumber, data } of client.read(stream, { codec: aggregated(json<Click>()) })) {
  for (const { subSequenceNumber, partitionKey, data: click } of data)
    console.log(`read ${sequenceNumber}.${subSequenceNumber}: ${partitionKey} saw ${click.page}`)
}

await client.deleteStream(stream)
