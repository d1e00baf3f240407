// Consumer groups: three members share the shards of a stream, and one of them leaves. Each click is processed once, and those
// of one user in their order. `node dist/examples/groups.js [url]` runs it; in life each member is a process of its own.
import { connect, json } from 'millrace'

interface Click {
  user: string
  page: number
}

await using client = await connect(process.argv[2])
const name = `clicks-${Date.now()}`
await client.createStream(name, { shards: 4 })
const producer = await client.producer(name, { codec: json<Click>() })
const users = Array.from({ length: 10 }, (_, number) => `user-${number}`)

/** Every user sees these pages, one after the other. Fulfils when that is on disk. */
async function visit(pages: readonly number[]): Promise<void> {
  const clicks = pages.flatMap((page) => users.map((user) => ({ user, page })))
  await Promise.all(clicks.map((data) => producer.send({ partitionKey: data.user, data })))
}

let processed = 0
let onProcessed = () => {}

/** Waits until so many clicks were processed in all. */
async function processedAre(count: number): Promise<void> {
  while (processed < count) await new Promise<void>((resolve) => (onProcessed = resolve))
}

const members = ['ada', 'bob', 'cid'].map((memberId) => {
  const group = client.group({ name, stream: name, memberId, codec: json<Click>() })
  const running = group.run((records) => {
    for (const { data } of records) console.log(`${memberId} got page ${data.page} of ${data.user}`)
    processed += records.length
    onProcessed()
  })
  return { memberId, group, running }
})

await visit([1, 2, 3])
await processedAre(3 * users.length)

// A member that stops finishes what it has, and its shards go to the others: nothing is processed twice.
const [first, ...others] = members
await first!.group.stop()
console.log(`${first!.memberId} has left`)
await visit([4, 5])
await processedAre(5 * users.length)

for (const { shardId, memberId, recordsBehind, detail } of (await client.describeGroup(name)).shards) {
  console.log(`${shardId} of ${memberId ?? 'nobody'}: ${recordsBehind} behind. ${detail}`)
}
await Promise.all(others.map(({ group }) => group.stop()))
await Promise.all(members.map(({ running }) => running))
await client.deleteGroup(name)
await client.deleteStream(name)
