// Prints clicks until Ctrl-C, and goes on where it was when it starts again, also after a crash. Start as many as you like.
import { connect, json } from 'millrace'

await using client = await connect()
const codec = json<{ user: string; page: string }>()
const group = client.group({ stream: 'clicks', name: 'billing', from: 'TRIM_HORIZON', codec })
process.once('SIGINT', () => void group.stop())
await group.run((records, { shardId }) => {
  for (const { data } of records) console.log(`${shardId}: ${data.user} saw ${data.page}`)
})
