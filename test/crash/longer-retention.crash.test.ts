// Kills at each step of an update that raises a stream's retention, on pictures of the data directory: records that a
// reader was told are gone stay gone, whatever part of the update was durable.
import { expect, test } from 'vitest'
import { createBroker } from '../../broker/broker.ts'
import { type Client, connect } from '../../client/index.ts'
import { parseShardId } from '../../protocol/shards/shard-id.ts'
import { seeHorizons, shardNameOf } from '../support/checker/full-read.ts'
import { History, payloadOf } from '../support/checker/history.ts'
import { ManualTime } from '../support/manual-time.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { CrashImages, expectSound } from './support/crash-images.ts'
import { StepImages } from './support/step-images.ts'

const STREAM = 'clicks'
const HOUR_MS = 3_600_000
const RECORDS = 40
const CONFIG = { segmentSize: '1MiB', hosts: 2, owners: 2 } as const

test('raised retention: no expired record returns when the broker is killed during or after the update', async () => {
  await using directory = await temporaryDirectory()
  const history = new History()
  using images = new CrashImages(directory.path, history)
  const steps = new StepImages(images)
  const time = new ManualTime()
  const clocks = { clock: time.now, elapsed: time.elapsed }
  {
    await using broker = await createBroker({
      dataDir: directory.path,
      config: CONFIG,
      ...clocks,
      ...steps.options,
    })
    await using client = await connect(broker.url)
    const port = Number(new URL(broker.url).port)
    await client.createStream(STREAM, { shards: 4, retentionMs: HOUR_MS })
    // The first part expires and the second stays, so trim horizons lie within the stored records.
    for (const part of ['old', 'new']) {
      await append(client, history, part)
      time.advance(HOUR_MS / 2 + 1)
    }
    await seeHorizons(port, STREAM, history)
    expect(history.horizons.every(({ trimHorizon }) => trimHorizon > 0)).toBe(true)
    steps.isArmed = true
    await client.updateStream(STREAM, { retentionMs: 24 * HOUR_MS })
    steps.isArmed = false
    images.take('the answer')
    await seeHorizons(port, STREAM, history)
  }
  expect(steps.commits).toHaveLength(1)
  for (const image of images.images) {
    const look = ({ url }: { url: string }) => seeHorizons(Number(new URL(url).port), STREAM, image.history)
    await expectSound(image, { stream: STREAM, options: { config: CONFIG, ...clocks }, look })
  }
})

async function append(client: Client, history: History, part: string): Promise<void> {
  const appending = Array.from({ length: RECORDS }, async (_, index) => {
    const [value, partitionKey] = [`${part}.${index}`, `key-${index}`]
    const call = history.invoke({ producer: part, idempotent: true, records: [{ value, partitionKey }] })
    const { shardId, sequenceNumber } = await client.put(STREAM, { partitionKey, data: payloadOf(value) })
    call.ok(shardNameOf(STREAM, parseShardId(shardId)), [sequenceNumber])
  })
  await Promise.all(appending)
}
