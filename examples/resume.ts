// Prints clicks, one reader alone, and goes on behind the last one that it has printed when it starts again.
import { connect } from 'millrace'

await using client = await connect()
const checkpoints = client.checkpoints('printer')
const reading = client.read('clicks', {
  from: (await checkpoints.load('clicks')) ?? 'TRIM_HORIZON',
  follow: true,
})
for await (const record of reading) {
  console.log(Buffer.from(record.data).toString())
  await checkpoints.save('clicks', reading.position)
}
