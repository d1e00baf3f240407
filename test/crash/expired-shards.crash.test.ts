// Kills at each step of removing an expired closed shard: the catalog, its owner, the catalog again. Each kill is a
// picture of the data directory. Two brokers run on it in turn, and the first seals segments, which removes what only
// the newest segment said about a shard. Readers get every record that has not expired, and the check finds nothing
// wrong.
import { expect, test } from 'vitest'
import { createBroker } from '../../broker/broker.ts'
import { noteAt } from '../../broker/storage/note.ts'
import { openSmallRows, smallRowsPath } from '../../broker/storage/small-rows/store.ts'
import { resolveConfig } from '../../broker/config/resolve.ts'
import { type Controller, createController } from '../../broker/control/controller.ts'
import { embeddedHosts } from '../../broker/embedded-host.ts'
import { createTelemetry } from '../../broker/telemetry/instruments.ts'
import { silentLog } from '../../broker/telemetry/log.ts'
import { type Client, connect } from '../../client/index.ts'
import { parseShardId } from '../../protocol/shards/shard-id.ts'
import { FakeTime } from '../broker/control/support/fake-time.ts'
import { shardNameOf } from '../support/checker/full-read.ts'
import { History, payloadOf } from '../support/checker/history.ts'
import { until } from '../support/checker/progress.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { CrashImages, expectSound } from './support/crash-images.ts'
import { StepImages } from './support/step-images.ts'
import { memoryFile } from '../broker/control/support/memory-file.ts'

const STREAM = 'clicks'
const HOUR_MS = 3_600_000
const RECORDS = 20
const RECORD_BYTES = 20_000
/** Enough to seal a segment of each owner. */
const FILLING = 200
const SETTINGS = { segmentSize: '1MiB', hosts: 2, owners: 2 } as const

test('an expired shard is removed without a wrong remainder, killed at any step', async () => {
  await using directory = await temporaryDirectory()
  const history = new History()
  using images = new CrashImages(directory.path, history)
  const steps = new StepImages(images)
  const time = new FakeTime()
  const clocks = { clock: time.now, elapsed: time.elapsed }
  {
    await using broker = await createBroker({ dataDir: directory.path, config: SETTINGS, ...clocks })
    await using client = await connect(broker.url)
    await client.createStream(STREAM, { shards: 2, retentionMs: HOUR_MS })
    // No client looks for these.
    await append(client, new History(), { part: 'old', count: RECORDS })
    await client.updateShardCount(STREAM, 1)
    await client.updateShardCount(STREAM, 2)
    await time.advance(HOUR_MS + 1)
    await append(client, history, { part: 'new', count: RECORDS })
  }
  await expireShards(directory.path, time, steps)
  expect(removedShards(steps)).toBe(3)
  for (const image of images.images) {
    const options = { config: SETTINGS, ...clocks }
    {
      await using broker = await createBroker({ dataDir: image.directory, ...options })
      await using client = await connect(broker.url)
      await append(client, image.history, { part: 'filling', count: FILLING })
    }
    await expectSound(image, { stream: STREAM, options })
  }
})

/** Sweeps until the closed shards are gone, and takes pictures of the steps. */
async function expireShards(dataDir: string, time: FakeTime, steps: StepImages): Promise<void> {
  const controller = await startController(dataDir, time, steps)
  try {
    steps.isArmed = true
    await until('the expired shards are gone', async () => {
      await time.advance(10 * 60_000)
      return removedShards(steps) === 3
    })
  } finally {
    steps.isArmed = false
    await controller.drain(0)
  }
}

/** A controller with hosts in this process, whose timers the test fires. */
async function startController(dataDir: string, time: FakeTime, steps: StepImages): Promise<Controller> {
  const { storage = {}, openCatalog } = steps.options
  const log = silentLog()
  const hosts = embeddedHosts({ threads: false, time, storage, log })
  const controller = await createController({
    config: resolveConfig({ settings: { ...SETTINGS, freeSpaceFloor: '64MiB', dataDir } }).values,
    openStore: () => openCatalog!(`${dataDir}/catalog`),
    openSmallRows: (events) => openSmallRows(smallRowsPath(dataDir), events),
    clockNote: noteAt(`${dataDir}/clock.json`),
    accessKeyFile: memoryFile('access.key'),
    launcher: hosts.launcher,
    listenOf: () => null,
    addressOf: () => undefined,
    software: 'test',
    telemetry: createTelemetry('controller', { withProcess: false }),
    log,
    time,
    random: () => 1,
    newBrokerId: () => 'never asked for',
    onBroken: (error) => {
      throw error
    },
  })
  controller.start()
  await controller.whenReady()
  return controller
}

function removedShards({ commits }: StepImages): number {
  return commits.flat().filter((change) => 'remove' in change && change.remove.family === 'shard').length
}

interface Appended {
  readonly part: string
  readonly count: number
}

async function append(client: Client, history: History, { part, count }: Appended): Promise<void> {
  const appending = Array.from({ length: count }, async (_, index) => {
    const [value, partitionKey] = [`${part}.${index}`, `${part}-${index}`]
    const call = history.invoke({ producer: part, idempotent: true, records: [{ value, partitionKey }] })
    const data = payloadOf(value, RECORD_BYTES)
    const { shardId, sequenceNumber } = await client.put(STREAM, { partitionKey, data })
    call.ok(shardNameOf(STREAM, parseShardId(shardId)), [sequenceNumber])
  })
  await Promise.all(appending)
}
