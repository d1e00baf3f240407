// Loads: all that a stream holds is written to files, by a delivery that the app carries out, or by a plain member of a group. All shards of
// the stream have ended, so that the last objects are written without a wait for more. Run in load processes; the app is another one.
import { mkdirSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { deliveryKinds, type DeliveryDefinition } from '../../../protocol/index.ts'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { deferred } from '../../harness/deferred.ts'
import type { LoadControl } from '../job.ts'
import { deliveryDefinitions } from './delivery-app.ts'

export interface DrainSettings {
  readonly url: string
  /** Of the delivery, or of the group. */
  readonly name: string
  readonly stream: string
  /** Records of the stream. */
  readonly records: number
  /** Where the files are. */
  readonly directory: string
}

export interface DeliveryDrainSettings extends DrainSettings {
  /** What of a definition differs from the defaults. */
  readonly definition: Partial<DeliveryDefinition>
}

export interface DrainResult {
  readonly seconds: number
  readonly files: number
  /** Bytes of the files. */
  readonly bytes: number
}

interface Delivered {
  readonly records: number
  readonly bytes: number
  readonly objects: number
  readonly failed: number
}

/** From the creation of the delivery until every record is in an object, and that is stored. */
export async function runDeliveryDrain(
  settings: DeliveryDrainSettings,
  control: LoadControl,
): Promise<DrainResult> {
  const { url, name, stream, records, directory, definition } = settings
  const { createDelivery, markDeleting } = await deliveryDefinitions()
  await using client = await connect(url)
  const documents = client.documents<{ readonly delivered: Delivered }>(deliveryKinds.progress)
  const totals = new Map<string, Delivered>()
  const sum = (of: (delivered: Delivered) => number): number =>
    [...totals.values()].reduce((all, delivered) => all + of(delivered), 0)
  control.ready()
  const startedAt = monotonicMs()
  const destination = { type: 'directory', path: directory }
  await createDelivery(client, name, { ...definition, source: { stream }, destination })
  for await (const change of documents.watch({ prefix: `${name}/` })) {
    if (change.type === 'put') totals.set(change.name, change.value.delivered)
    if (sum((delivered) => delivered.records) >= records) break
  }
  const seconds = (monotonicMs() - startedAt) / 1000
  const failed = sum((delivered) => delivered.failed)
  if (failed > 0) throw new Error(`${failed} records were refused.`)
  await markDeleting(client, name)
  return { seconds, files: sum(({ objects }) => objects), bytes: sum(({ bytes }) => bytes) }
}

/** The same records into one file for each shard, each record with a line feed, by a group whose handler writes and nothing else. */
export async function runPlainDrain(
  { url, name, stream, records, directory }: DrainSettings,
  control: LoadControl,
): Promise<DrainResult> {
  await using client = await connect(url)
  mkdirSync(directory, { recursive: true })
  const files = new Map<string, Promise<FileHandle>>()
  const lineFeed = Buffer.from('\n')
  let taken = 0
  let bytes = 0
  const group = client.group({ stream, name, checkpoint: 'batch' })
  control.ready()
  const startedAt = monotonicMs()
  const all = deferred<void>()
  const running = group.run(async (batch, { shardId }) => {
    let opening = files.get(shardId)
    if (opening === undefined) files.set(shardId, (opening = open(join(directory, shardId), 'w')))
    const file = await opening
    const pieces: Uint8Array[] = []
    let length = 0
    for (const record of batch) {
      pieces.push(record.bytes, lineFeed)
      length += record.bytes.length + 1
    }
    await file.write(Buffer.concat(pieces, length))
    bytes += length
    taken += batch.length
    if (taken >= records) all.resolve()
  })
  await Promise.race([all.promise, running])
  const handles = await Promise.all(files.values())
  await Promise.all(handles.map((file) => file.datasync()))
  const seconds = (monotonicMs() - startedAt) / 1000
  await group.stop()
  await running
  await Promise.all(handles.map((file) => file.close()))
  if (taken !== records) throw new Error(`${taken} of ${records} records came.`)
  return { seconds, files: handles.length, bytes }
}
