// Pictures of a data directory, taken while no other code of this process runs: what a kill at that moment would leave.
// Another broker can open and check each of them, so that every step of a change is a crash test, while the original
// run continues. Runs in the process of the test and of its broker.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { createBroker, type Broker, type BrokerOptions } from '../../../broker/broker.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { BALLAST_FILE } from '../../../broker/storage/segments/ballast.ts'
import { readManifest } from '../../../broker/storage/segments/manifest.ts'
import { formatSegmentName } from '../../../broker/storage/segments/segment-name.ts'
import { connect } from '../../../client/index.ts'
import { parseShardId } from '../../../protocol/shards/shard-id.ts'
import { check, describeViolations } from '../../support/checker/checker.ts'
import { readFully, seeEpoch, shardNameOf } from '../../support/checker/full-read.ts'
import { type History, payloadOf } from '../../support/checker/history.ts'
import { until } from '../../support/checker/progress.ts'

export interface CrashImage {
  /** The step at which the picture was taken. */
  readonly step: string
  readonly directory: string
  /** The clients' history at that moment. */
  readonly history: History
}

/** Lock files are not copied: they name this process, which is still alive. */
const LOCK_NAMES: ReadonlySet<string> = new Set(['lock', 'lock.mdb'])

export class CrashImages implements Disposable {
  readonly images: CrashImage[] = []
  readonly #dataDir: string
  readonly #history: History

  constructor(dataDir: string, history: History) {
    this.#dataDir = dataDir
    this.#history = history
  }

  /**
   * Copies the directory synchronously, so no code of this process runs meanwhile. The system may still complete
   * earlier requests, as after a kill: LMDB may write one commit, and a file may be renamed or removed; then the copy
   * is repeated.
   */
  take(step: string): void {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-image-'))
    const filter = (source: string) => !LOCK_NAMES.has(basename(source))
    while (!copied(() => cpSync(this.#dataDir, directory, { recursive: true, filter }))) {
      rmSync(directory, { recursive: true })
    }
    this.images.push({ step, directory, history: this.#history.snapshot() })
  }

  [Symbol.dispose](): void {
    for (const { directory } of this.images) rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns false if a file disappeared during the copy. */
function copied(copy: () => void): boolean {
  try {
    copy()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

const KEYS_AFTER = 20

/** What a broker started on an image must show. */
export interface Expected {
  readonly stream: string
  readonly options?: Omit<BrokerOptions, 'dataDir'>
  /** Inspects the broker when it serves. */
  readonly look?: (broker: Broker) => Promise<void>
}

/**
 * Starts a broker on the image, waits until it finishes pending changes, appends to every part of the stream, reads all
 * records and checks them: none lost, none twice, and no file without a name in a manifest.
 */
export async function expectSound(image: CrashImage, expected: Expected): Promise<void> {
  const { history, step, directory } = image
  const { stream } = expected
  {
    await using broker = await createBroker({ ...expected.options, dataDir: directory })
    const port = Number(new URL(broker.url).port)
    await using client = await connect(broker.url)
    await until(`the change goes on to its end, after ${step}`, async () => {
      const { status, targetShardCount } = await client.describeStream(stream)
      return status === 'ACTIVE' && targetShardCount === undefined
    })
    history.endFaults()
    await Promise.all(
      Array.from({ length: KEYS_AFTER }, async (_, index) => {
        const value = `after.${index}`
        const partitionKey = `after-${index}`
        const call = history.invoke({
          producer: 'after',
          idempotent: true,
          records: [{ value, partitionKey }],
        })
        const { shardId, sequenceNumber } = await client.put(stream, { partitionKey, data: payloadOf(value) })
        call.ok(shardNameOf(stream, parseShardId(shardId)), [sequenceNumber])
      }),
    )
    await seeEpoch(port, stream, history)
    for (const final of await readFully(port, stream)) history.addFinal(final)
    await expected.look?.(broker)
  }
  expect(describeViolations(check(history)), `killed at ${step}`).toBe('')
  expect((await checkDataDirectory(directory)).problems, `killed at ${step}`).toEqual([])
  await expectNoOrphans(directory, step)
}

/** Expects that each owner's manifest names every segment directory, and that no other file remains. */
export async function expectNoOrphans(dataDir: string, step: string): Promise<void> {
  for (const owner of readdirSync(join(dataDir, 'owners'))) {
    const directory = join(dataDir, 'owners', owner)
    const manifest = await readManifest(directory)
    const named = new Set(['lock', 'manifest.json', BALLAST_FILE])
    for (const name of manifest?.sealed ?? []) named.add(formatSegmentName(name))
    named.add(formatSegmentName({ number: manifest?.active ?? 0, generation: 0 }))
    const strangers = readdirSync(directory).filter((name) => !named.has(name))
    expect(strangers, `files of owner ${owner} that nothing names, killed at ${step}`).toEqual([])
  }
}
