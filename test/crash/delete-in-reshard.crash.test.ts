// Deletes a stream during a change of its shards, at every step of the change, with a kill at every later step; and
// kills a change at any step and then deletes its stream. The stream is deleted, its name is free, no row or slot of it
// remains, and another stream is unaffected.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Broker, createBroker } from '../../broker/broker.ts'
import { catalogPath, loadCatalog, CATALOG_MAP_BYTES } from '../../broker/storage/catalog-store.ts'
import { Findings } from '../../broker/storage/checks/findings.ts'
import { checkOwner } from '../../broker/storage/checks/owner-check.ts'
import { openLmdb } from '../../broker/storage/environment.ts'
import { type Client, connect } from '../../client/index.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { History } from '../support/checker/history.ts'
import { until, untilProgress } from '../support/checker/progress.ts'
import { randomOf } from '../support/random.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { runPipelinedProducer } from './support/client-producers.ts'
import { type CrashImage, CrashImages, expectSound } from './support/crash-images.ts'
import { StepImages } from './support/step-images.ts'

const DOOMED = 'doomed'
const KEPT = 'kept'
const CONFIG = { segmentSize: '1MiB', owners: 2 } as const
const PROGRESS_CALLS = 20
const DOOMED_RECORDS = 30
/** The deletion is requested before the change. */
const DELETED_FIRST = -1
/** The deletion is requested only after the kill. */
const NEVER = Infinity

interface Change {
  readonly name: string
  readonly shards: number
  readonly change: (client: Client) => Promise<unknown>
}

const changes: readonly Change[] = [
  { name: 'it is split', shards: 1, change: (client) => client.splitShard(DOOMED, '0') },
  { name: 'it is merged', shards: 2, change: (client) => client.mergeShards(DOOMED, '0', '1') },
  { name: 'it is scaled', shards: 2, change: (client) => client.updateShardCount(DOOMED, 4) },
]

describe('a stream that is deleted while', () => {
  test.concurrent.each(changes)(
    '$name: is removed with all of its data, killed at any step, and its name is free',
    async (change) => {
      // First an undisturbed change: on its pictures the stream is deleted after the kill.
      const commits = await playAndKill(change, NEVER)
      expect(commits).toBeGreaterThanOrEqual(3)
      for (let place = DELETED_FIRST; place < commits; place++) await playAndKill(change, place)
    },
  )
})

/** Runs the change with a deletion in it, then a broker on each picture. Returns the number of commits. */
async function playAndKill(change: Change, place: number): Promise<number> {
  await using directory = await temporaryDirectory()
  const history = new History()
  using images = new CrashImages(directory.path, history)
  const steps = new StepImages(images)
  await deleteAt(place, { directory: directory.path, history, steps, change })
  expect(images.images.length).toBeGreaterThan(0)
  for (const image of images.images) await expectDeleted(image, steps)
  return steps.commits.length
}

interface Scene {
  readonly directory: string
  readonly history: History
  readonly steps: StepImages
  readonly change: Change
}

/** Deletes the stream right after `place` commits of its change. Pictures are taken from then on. */
async function deleteAt(place: number, { directory, history, steps, change }: Scene): Promise<void> {
  await using broker = await createBroker({ dataDir: directory, config: CONFIG, ...steps.options })
  await using client = await connect(broker.url)
  await client.createStream(KEPT, { shards: 2 })
  await client.createStream(DOOMED, { shards: change.shards })
  await fill(client)
  let deleted: Promise<void> | undefined
  const remove = async (): Promise<void> => {
    steps.isTaking = true
    deleted = client.deleteStream(DOOMED)
    // Requests of one connection begin in order, so the deletion is decided next.
    await client.describeStream(KEPT)
  }
  steps.isTaking = place === NEVER
  steps.beforeCommit = (number) => (number === place + 1 ? remove() : undefined)
  const stop = new AbortController()
  const load = { client, stream: KEPT, history, random: randomOf(1), stopped: stop.signal }
  const loading = runPipelinedProducer({ ...load, name: 'pipe' })
  try {
    await untilProgress(history, PROGRESS_CALLS)
    steps.isArmed = true
    if (place === DELETED_FIRST) await remove()
    const outcome = await change.change(client).then(
      () => 'done',
      (error: unknown) => (MillraceError.is(error) ? error.code : String(error)),
    )
    expect(['done', 'streamBusy', 'streamNotFound']).toContain(outcome)
    await deleted
    steps.isArmed = false
    expect(deleted !== undefined).toBe(place !== NEVER)
    if (deleted !== undefined) await expectNameFree(broker, client)
    await untilProgress(history, PROGRESS_CALLS)
  } finally {
    stop.abort()
    await loading
  }
}

async function fill(client: Client): Promise<void> {
  const records = Array.from({ length: DOOMED_RECORDS }, (_, index) => ({
    partitionKey: `key-${index}`,
    data: `record ${index}`,
  }))
  for (const result of await client.putMany(DOOMED, records)) if (!result.ok) throw result.error
}

/** Expects that a new stream can take the name, and has no records of the deleted one. */
async function expectNameFree(broker: Broker, client: Client): Promise<void> {
  await client.createStream(DOOMED, { shards: 2 })
  let count = 0
  for await (const _ of client.read(DOOMED)) count++
  expect(count, `records in the new stream at ${broker.dataDir}`).toBe(0)
  await client.deleteStream(DOOMED)
}

/** Starts a broker on the picture, which completes a begun deletion; otherwise deletes the stream at once. */
async function expectDeleted(image: CrashImage, steps: StepImages): Promise<void> {
  const isAsked = steps
    .durableIn(image)
    .flat()
    .some((row) => 'put' in row && row.put.family === 'stream' && row.put.value.status === 'DELETING')
  {
    await using broker = await createBroker({ dataDir: image.directory, config: CONFIG })
    await using client = await connect(broker.url)
    if (!isAsked) await client.deleteStream(DOOMED).catch(deletedAlready)
    await until(`the stream is gone, killed at ${image.step}`, () => isGone(client))
    await expectNameFree(broker, client)
  }
  await expectSound(image, { stream: KEPT, options: { config: CONFIG } })
  await expectNothingLeft(image)
}

/** A picture taken while a commit is flushed may hold that commit. */
function deletedAlready(error: unknown): void {
  if (!MillraceError.is(error, 'streamNotFound') && !MillraceError.is(error, 'streamBusy')) throw error
}

async function isGone(client: Client): Promise<boolean> {
  for await (const { name } of client.listStreams()) if (name === DOOMED) return false
  return true
}

/** Expects that the catalog has only rows of the kept stream, and that owners have forgotten all other slots. */
async function expectNothingLeft({ directory, step }: CrashImage): Promise<void> {
  const environment = await openLmdb({
    path: catalogPath(directory),
    mapBytes: CATALOG_MAP_BYTES,
    readOnly: true,
  })
  const rows = loadCatalog(environment)
  await environment.close()
  const families = new Set(rows.map(({ family }) => family))
  expect([...families].toSorted(), `rows, killed at ${step}`).toEqual(['broker', 'shard', 'stream'])
  expect(rows.filter(({ family }) => family === 'stream')).toHaveLength(1)
  const slots = new Set(rows.flatMap((row) => (row.family === 'shard' ? [row.value.slot] : [])))
  for (const owner of readdirSync(join(directory, 'owners'))) {
    const check = { findings: new Findings(), openEnvironment: openLmdb, ranges: new Map() }
    const heads = await checkOwner(join(directory, 'owners', owner), check)
    const orphans = [...heads].filter(([slot, { forgotten }]) => forgotten === 0 && !slots.has(slot))
    expect(orphans, `slots of owner ${owner} that nobody knows, killed at ${step}`).toEqual([])
  }
}
