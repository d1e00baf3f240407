// A process that appends until it is killed: by itself at a step of storage, or by its parent. It prints one line for
// each acknowledged batch; no other batch counts. Usage: node victim.mjs <owner directory> [<step> <occurrence>]
import { writeSync } from 'node:fs'
import { BatchBuilder } from '#dist/protocol/batch/batch-builder.js'
import { hashPartitionKey } from '#dist/protocol/shards/hash-key.js'
import { openOwner } from '#dist/broker/storage/owner.js'
import { ENTRY_FIELDS } from '#dist/broker/threads/append-fields.js'

const [directory, step, occurrence = '1'] = process.argv.slice(2)
const SLOTS = 3
const PRODUCER_ID = 4242

let remaining = Number(occurrence)
/** SIGKILL is not delivered at once: no code may run after the step. */
async function killAt(reached) {
  if (reached !== step || --remaining > 0) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => undefined)
}

const owner = await openOwner({
  ownerId: 0,
  directory,
  segmentBytes: 200_000,
  freeSpaceFloorBytes: 0,
  faults: { at: killAt },
})
const shards = Array.from({ length: SLOTS }, (_, slot) => ({ slot, startingSequenceNumber: 0 }))
const { extents } = await owner.handlers.open({ shards })

const builder = new BatchBuilder({ bytesMax: 1 << 20 })
const hashKey = new Uint32Array(4)
hashPartitionKey('k', hashKey, 0)

/** Entries for one batch without a session. */
const entriesOf = (slot, length) => {
  const entries = new Uint32Array(ENTRY_FIELDS)
  entries.set([slot, 0, length])
  return entries
}

/** The shard's and the producer's numbers are equal here: a record's value names both. */
async function append(slot, sequence) {
  const values = Array.from({ length: 1 + (sequence % 3) }, (_, i) => `${slot}:${sequence + i}`)
  for (const value of values)
    builder.tryAdd({ partitionKey: 'k', data: Buffer.from(value.padEnd(9000, '.')) }, hashKey, 0)
  const batch = builder.finish({ producerId: PRODUCER_ID, producerEpoch: 0, firstProducerSequence: sequence })
  const arena = new Uint8Array(batch).buffer
  const { results } = await owner.handlers.append({ arena, entries: entriesOf(slot, batch.length) })
  writeSync(1, `${slot} ${sequence} ${values.length} ${results[0]} ${results[1]}\n`)
  return sequence + values.length
}

await Promise.all(
  extents.map(async ({ slot, tail }) => {
    let sequence = tail
    for (;;) sequence = await append(slot, sequence)
  }),
)
