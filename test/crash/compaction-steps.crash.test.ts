// Kills a broker at each step that frees disk space: rolls, compactions, replacements in the manifest, and removals of
// directories. Each kill is a picture of the data directory, on which another broker starts: it must hold every kept
// record, once, in order, and leave no file behind. Also fills the disk while compaction writes.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createBroker, type Broker, type BrokerOptions } from '../../broker/broker.ts'
import { faultSteps, type FaultStep } from '../../broker/storage/disk/faults.ts'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { parseSegmentName } from '../../broker/storage/segments/segment-name.ts'
import { type Client, connect } from '../../client/index.ts'
import { parseShardId } from '../../protocol/shards/shard-id.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { diskUseOf } from '../support/disk/disk-use.ts'
import { readFully, shardNameOf } from '../support/checker/full-read.ts'
import { History, payloadOf } from '../support/checker/history.ts'
import { ManualTime } from '../support/manual-time.ts'
import { until } from '../support/checker/progress.ts'
import { FaultyDisk } from '../support/disk/storage.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { CrashImages, expectNoOrphans, expectSound } from './support/crash-images.ts'

const KEPT = 'kept'
const EXPIRING = 'expiring'
const DOOMED = 'doomed'
const OTHERS = 'others'
const MIB = 2 ** 20
const HOUR = 3_600_000
const RECORD_BYTES = 2000
/** Enough to seal a segment: maintenance then runs at once. */
const SEGMENT_RECORDS = 600
const ENOSPC = 28
const CONFIG = { segmentSize: '1MiB' } as const
/** Pictures per step: a later occurrence of a step follows other earlier steps. */
const IMAGES_OF_A_STEP = 2

/** The steps of freeing space. Commits are tested elsewhere. */
const steps = (Object.keys(faultSteps) as FaultStep[]).filter((step) => !step.startsWith('commit'))

interface Scene {
  readonly broker: Broker
  readonly client: Client
  readonly history: History
  readonly time: ManualTime
}

describe('a broker that frees disk space', () => {
  test('loses nothing and leaves no file behind, killed at any step', async () => {
    await using directory = await temporaryDirectory()
    const history = new History()
    const time = new ManualTime()
    using images = new CrashImages(directory.path, history)
    const taken = new Map<FaultStep, number>()
    let isArmed = false
    const at = (step: FaultStep): void => {
      const count = taken.get(step) ?? 0
      if (!isArmed || !steps.includes(step) || count === IMAGES_OF_A_STEP) return
      taken.set(step, count + 1)
      images.take(`${step}, time ${count + 1}`)
    }
    const options = { dataDir: directory.path, storage: { faults: { at } } }
    await withBroker(options, { history, time }, async (scene) => {
      await fill(scene)
      isArmed = true
      await letGo(scene)
      await untilCompacted(scene)
      isArmed = false
    })
    expect(steps.filter((step) => !taken.has(step))).toEqual([])
    // The next broker's clock starts at the same time, so the same records are expired.
    const { now, elapsed } = time
    for (const image of images.images) {
      await expectSound(image, { stream: KEPT, options: { clock: now, elapsed, config: CONFIG } })
    }
  })

  test('keeps everything if the disk is full during a compaction, and compacts when there is room', async () => {
    await using directory = await temporaryDirectory()
    const history = new History()
    const time = new ManualTime()
    const disk = new FaultyDisk()
    disk.errno = ENOSPC
    let refused = 0
    // A compaction writes under a temporary name until the segment is complete.
    disk.onCommit = (path) => {
      if (!path.includes('segment-') || isSegment(path)) return undefined
      refused++
      return 'nothing stored'
    }
    const options = { dataDir: directory.path, storage: { openEnvironment: disk.open } }
    await withBroker(options, { history, time }, async (scene) => {
      await fill(scene)
      await letGo(scene)
      await until('a compaction fails for want of room', async () =>
        /millrace_compactions_total\{[^}]*result="storageFull"[^}]*\} [1-9]/.test(
          await scene.broker.metrics(),
        ),
      )
      expect(refused).toBeGreaterThan(0)
      expect(strangersIn(directory.path)).toEqual([])
      await put(scene, KEPT, 20)
      disk.onCommit = undefined
      // A failed compaction is not tried again for a while.
      time.advance(2 * HOUR)
      await put(scene, OTHERS, SEGMENT_RECORDS)
      await untilCompacted(scene)
      for (const final of await readFully(portOf(scene), KEPT)) history.addFinal(final)
    })
    expect(describeViolations(check(history))).toBe('')
    expect((await checkDataDirectory(directory.path)).problems).toEqual([])
    await expectNoOrphans(directory.path, 'the end')
  })
})

async function withBroker(
  options: Pick<BrokerOptions, 'dataDir' | 'storage'>,
  { history, time }: Pick<Scene, 'history' | 'time'>,
  use: (scene: Scene) => Promise<void>,
): Promise<void> {
  const { now, elapsed } = time
  await using broker = await createBroker({ ...options, clock: now, elapsed, config: CONFIG })
  await using client = await connect(broker.url)
  await use({ broker, client, history, time })
}

/** Fills segments with kept, expiring and deleted records side by side. */
async function fill(scene: Scene): Promise<void> {
  const { client } = scene
  for (const name of [KEPT, DOOMED, OTHERS]) await client.createStream(name)
  await client.createStream(EXPIRING, { retentionMs: HOUR })
  for (let round = 0; round < 20; round++) {
    await put(scene, KEPT, 20)
    await put(scene, EXPIRING, 60)
    await put(scene, DOOMED, 60)
  }
}

async function letGo(scene: Scene): Promise<void> {
  scene.time.advance(HOUR + 1)
  await scene.client.deleteStream(DOOMED)
  await put(scene, OTHERS, SEGMENT_RECORDS)
}

/** Waits until only the kept quarter of the bytes is left. */
async function untilCompacted({ broker }: Scene): Promise<void> {
  await until('only what is kept takes space', async () => {
    const { bytes, deletedButOpen } = diskUseOf(broker.dataDir)
    const isDone = /millrace_compactions_total\{[^}]*result="done"[^}]*\} [1-9]/.test(await broker.metrics())
    return (
      isDone && bytes < 5 * MIB && deletedButOpen.length === 0 && strangersIn(broker.dataDir).length === 0
    )
  })
}

let sent = 0

async function put({ client, history }: Scene, stream: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, () => {
    const value = `v.${sent++}`
    return { value, partitionKey: `key-${sent % 10}` }
  })
  const isKept = stream === KEPT
  const calls = records.map((record) =>
    isKept ? history.invoke({ producer: 'p', idempotent: true, records: [record] }) : undefined,
  )
  const results = await client.putMany(
    stream,
    records.map(({ value, partitionKey }) => ({ partitionKey, data: payloadOf(value, RECORD_BYTES) })),
  )
  for (const [index, result] of results.entries()) {
    if (!result.ok) throw result.error
    const { shardId, sequenceNumber } = result.acknowledgement
    calls[index]?.ok(shardNameOf(stream, parseShardId(shardId)), [sequenceNumber])
  }
}

/** Directories of an unfinished compaction or removal. */
function strangersIn(dataDir: string): string[] {
  const names = readdirSync(join(dataDir, 'owners', '0000'))
  return names.filter((name) => name.startsWith('segment-') && !isSegment(name))
}

function isSegment(path: string): boolean {
  return parseSegmentName(path.slice(path.lastIndexOf('/') + 1)) !== undefined
}

function portOf({ broker }: Scene): number {
  return Number(new URL(broker.url).port)
}
