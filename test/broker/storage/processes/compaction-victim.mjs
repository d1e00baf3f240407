// A process that compacts until it kills itself at a step of storage. It first fills a new directory: three shards in
// three sealed segments, the first shard trimmed halfway. In a filled directory it compacts the sealed segments. Usage:
// node compaction-victim.mjs <owner directory> <step>
import { BatchBuilder } from '#dist/protocol/batch/batch-builder.js'
import { hashPartitionKey } from '#dist/protocol/shards/hash-key.js'
import { openOwner } from '#dist/broker/storage/owner.js'
import { ENTRY_FIELDS } from '#dist/broker/threads/append-fields.js'
import { inlineSegmentMaintenance } from '#dist/broker/storage/segment-maintenance.js'
import { createProgress } from '#dist/broker/threads/compaction-progress.js'

const [directory, step] = process.argv.slice(2)
const SLOTS = [0, 1, 2]
const RECORDS = 24

/** Entries for one batch without a session. */
const entriesOf = (slot, length) => {
  const entries = new Uint32Array(ENTRY_FIELDS)
  entries.set([slot, 0, length])
  return entries
}

let isArmed = false
/** SIGKILL is not delivered at once: no code may run after the step. */
async function killAt(reached) {
  if (!isArmed || reached !== step) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => undefined)
}

const faults = { at: killAt }
const options = { ownerId: 0, directory, segmentBytes: 16_000_000, freeSpaceFloorBytes: 0, faults }
const { handlers, onNotice } = await openOwner(options)
let list
onNotice((notice) => {
  if (notice.notice === 'segments') list = notice.list
})
const { extents } = await handlers.open({
  shards: SLOTS.map((slot) => ({ slot, startingSequenceNumber: 0 })),
})
if (extents[0].tail === 0) await fill()

isArmed = true
const { shards } = await handlers.wanted(null)
const sources = list.segments.slice(0, -1)
const maintenance = inlineSegmentMaintenance({ faults })
const task = { directory, ownerId: 0, sources, shards, bytesPerSecond: 1e12, progress: createProgress() }
const { target } = await maintenance.compact(task)
await handlers.replaceSegments({ sources, target })
await handlers.close(null)

async function fill() {
  for (let number = 0; number < RECORDS; number++) {
    for (const slot of SLOTS) await append(slot, number)
    if (number % 6 === 5) await handlers.roll(null)
  }
  await handlers.trim({ horizons: [{ slot: 0, trimHorizon: RECORDS / 2 }] })
}

async function append(slot, number) {
  const builder = new BatchBuilder({ bytesMax: 1 << 20 })
  const hashKey = new Uint32Array(4)
  hashPartitionKey('k', hashKey, 0)
  const data = Buffer.from(`${slot}:${number}`.padEnd(9000, '.'))
  builder.tryAdd({ partitionKey: 'k', data }, hashKey, 0)
  const batch = builder.finish({ producerId: 4242, producerEpoch: 0, firstProducerSequence: number })
  const arena = new Uint8Array(batch).buffer
  await handlers.append({ arena, entries: entriesOf(slot, batch.length) })
}
