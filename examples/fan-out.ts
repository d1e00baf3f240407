// Fan-out: two registered consumers of one stream get every click, each at a rate of its own, pushed as it is stored, while a
// classic reader shares what is left. `node dist/examples/fan-out.js [url]` runs it.
import { connect, json } from 'millrace'

interface Click {
  user: string
  page: number
}

await using client = await connect(process.argv[2])
const stream = `clicks-${Date.now()}`
// As in Kinesis: each registered consumer may read 2 MiB a second of a shard, and all classic readers of it another 2 MiB together.
await client.createStream(stream, { shards: 2, shardLimits: 'kinesis' })
const producer = await client.producer(stream, { codec: json<Click>() })
const users = Array.from({ length: 10 }, (_, number) => `user-${number}`)
const CLICKS = 50

/** Reads until it has seen all clicks, and says how many there were of each user. */
async function follow(consumer: string): Promise<void> {
  const seen = new Map<string, number>()
  let count = 0
  const reading = client.read(stream, { consumer, follow: true, codec: json<Click>() })
  for await (const { data } of reading) {
    seen.set(data.user, (seen.get(data.user) ?? 0) + 1)
    if (++count === CLICKS) break
  }
  console.log(`${consumer} has seen ${count} clicks of ${seen.size} users`)
}

const consumers = ['dashboard', 'audit']
for (const consumer of consumers) await client.registerConsumer(stream, consumer)
const readers = consumers.map(follow)

for (let page = 1; page <= CLICKS / users.length; page++) {
  await Promise.all(users.map((user) => producer.send({ partitionKey: user, data: { user, page } })))
}
await Promise.all(readers)

// Who reads what, how much is behind, and why: also after its reader has left.
for (const consumer of consumers) {
  const { shards } = await client.describeConsumer(stream, consumer)
  for (const { shardId, recordsBehind, detail } of shards) {
    console.log(`${consumer}, ${shardId}: ${recordsBehind} behind. ${detail}`)
  }
}

for (const consumer of consumers) await client.deregisterConsumer(stream, consumer)
await client.deleteStream(stream)
