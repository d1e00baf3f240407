// Replays error documents: their records go through the delivery as a shard of their own, with its own progress, so that a crash at any
// point leaves each of them in exactly one object; then the document is removed. Runs in the app.
import { createHash } from 'node:crypto'
import type { Documents } from 'millrace'
import type { DeliveryDefinition } from 'millrace/protocol'
import { progressPrefix } from '../definitions/deliveries.ts'
import type { ObjectStore } from '../destinations/object-store.ts'
import { replayedRecord } from '../errors/error-document.ts'
import { takeProgress } from '../progress/progress-document.ts'
import type { ShardProgress } from '../progress/shard-progress.ts'
import type { SpoolRoom } from '../spool/spool-room.ts'
import { ERROR_EXTENSION } from '../targets/object-targets.ts'
import { backoff, wait, type Clock } from '../engine/clock.ts'
import type { DeliveryParts } from '../engine/delivery-parts.ts'
import { ShardRun } from '../engine/shard-run.ts'
import type { SourceRecord } from '../engine/source-record.ts'

export interface ReplayParts {
  readonly name: string
  readonly definition: DeliveryDefinition
  readonly parts: DeliveryParts
  readonly open: (definition: DeliveryDefinition) => Promise<DeliveryParts>
  readonly documents: Pick<Documents<ShardProgress>, 'get' | 'put' | 'delete'>
  readonly room: SpoolRoom
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly log: (level: 'info' | 'warn', message: string, error?: unknown) => void
}

/** Records that are handed on together. */
const RUN_RECORDS = 500

/** No stream has this number: replayed records have a place of their own in names. */
const REPLAYED_STREAM = 0

/** Keys of the error documents of a delivery, of now. */
export async function errorKeys(
  store: ObjectStore,
  name: string,
  prefix: string,
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, signal)) {
    const file = key.slice(key.lastIndexOf('/') + 1)
    if (file.startsWith(`${name}-`) && file.endsWith(ERROR_EXTENSION)) keys.push(key)
  }
  return keys
}

/** Delivers what an error document holds, and removes it. Returns its records. Rejects where it stands still; it may be called again. */
export async function replay(key: string, store: ObjectStore, replaying: ReplayParts): Promise<number> {
  const { name, definition, parts, open, documents, room, clock, random, signal, log } = replaying
  const hash = createHash('sha256').update(key).digest('hex')
  const document = `${progressPrefix(name)}retry/${hash.slice(0, 32)}`
  const progress = await takeProgress({
    documents,
    name: document,
    // No lease numbers these: whoever begins later is the one that counts.
    epoch: clock.now() * 1000 + Math.floor(random() * 1000),
    pause: (attempt) => wait(clock, backoff(attempt, random), signal),
    onTrouble: (error) =>
      log('warn', `${name}: the progress of ${key} cannot be kept now, and that is tried again`, error),
  })
  // Read once nobody else can end it: who has ended it before this has removed it.
  const records = await recordsOf(store, key, signal)
  const shardIndex = parseInt(hash.slice(0, 12), 16)
  const shard = { delivery: name, streamId: REPLAYED_STREAM, shardIndex }
  const rim = { room, clock, random, log, onPosition: () => {}, onFault: () => {} }
  const run = await ShardRun.open({ shard, definition, current: parts, open, progress, ...rim })
  try {
    for (let at = 0; at < records.length; at += RUN_RECORDS) {
      signal.throwIfAborted()
      const some = records.slice(at, at + RUN_RECORDS)
      await run.take(some, at + some.length)
    }
    await run.finish()
  } finally {
    run.stop(new Error('The replay has ended.'))
  }
  await store.remove(key, signal)
  await documents.delete(document)
  return records.length
}

async function recordsOf(store: ObjectStore, key: string, signal: AbortSignal): Promise<SourceRecord[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.read(key, signal)) pieces.push(piece)
  const lines = Buffer.concat(pieces)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line, i) => {
    try {
      return replayedRecord(line, i)
    } catch (error) {
      throw new Error(`${key} is no error document: line ${i + 1} ${(error as Error).message}`, {
        cause: error,
      })
    }
  })
}
