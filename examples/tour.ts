// A tour of the client: append, split a shard, read back, follow. `npm run tour` runs it against a broker on this machine.
import { connect, json } from 'millrace'

interface Click {
  user: string
  page: string
}

await using client = await connect(process.argv[2])

const stream = `clicks-${Date.now()}`
await client.createStream(stream, { shards: 4 })

// A subscription is pushed what comes from now on, as fast as this loop takes it.
const subscription = client.subscribe(stream, { from: 'LATEST', codec: json<Click>() })
await subscription.started

// A producer gathers records into batches. Each promise fulfils when its record is on disk.
const producer = await client.producer(stream, { codec: json<Click>() })
const clicks = ['/', '/search', '/cart', '/thanks'].map((page) => ({ user: 'ada', page }))
const acknowledgements = await Promise.all(
  clicks.map((click) => producer.send({ partitionKey: click.user, data: click })),
)
console.log(
  `stored from number ${acknowledgements[0]?.sequenceNumber} on, in ${acknowledgements[0]?.shardId}`,
)

// A split takes a moment, and neither the producer nor the subscription needs to know of it.
const { children } = await client.splitShard(stream, acknowledgements[0]!.shardId)
const returned = await producer.send({ partitionKey: 'ada', data: { user: 'ada', page: '/again' } })
console.log(`split into ${children.join(' and ')}; stored ${returned.sequenceNumber} in ${returned.shardId}`)
await producer.close()

// A reader replays from any position: here everything, up to where the stream ends now.
for await (const record of client.read(stream, { codec: json<Click>() })) {
  console.log(`read   ${record.sequenceNumber}: ${record.partitionKey} saw ${record.data.page}`)
}

for await (const record of subscription) {
  console.log(`pushed ${record.sequenceNumber}: ${record.partitionKey} saw ${record.data.page}`)
  if (record.data.page === '/again') break
}

await client.deleteStream(stream)
