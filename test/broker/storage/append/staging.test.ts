// The answer to each batch at its owner, and the rows written for it. Without a disk: staging only decides.
import { beforeEach, describe, expect, it } from 'vitest'
import { arrivalTimeAt, baseSequenceNumberAt } from '../../../../protocol/batch/batch.ts'
import { errorCodeOf } from '../../../../protocol/error-codes.ts'
import { CommitPlan } from '../../../../broker/storage/append/commit-plan.ts'
import { PendingAppend } from '../../../../broker/storage/append/pending-append.ts'
import { ShardTable } from '../../../../broker/storage/append/shard-table.ts'
import { checkBatches, stageBatches } from '../../../../broker/storage/append/staging.ts'
import { familyOf } from '../../../../broker/storage/rows/key-space.ts'
import { ENTRY_FIELDS, RESULT_FIELDS } from '../../../../broker/threads/append-fields.ts'
import { batchOf } from '../../../support/disk/storage.ts'

const SLOT = 1
const NOW = 1000
const PRODUCER = { producerId: 77, tag: 5, holder: 1, address: 1, most: 0 }

interface Sent {
  readonly slot?: number
  readonly batch: Uint8Array
  readonly tag?: number
  readonly openTag?: number
}

/** A producer's batch whose numbers begin at `firstSequence`. */
const from = (firstSequence: number, values: string[], epoch = 0): Sent => ({
  batch: batchOf({ values, producerId: PRODUCER.producerId, epoch, firstSequence }),
  tag: PRODUCER.tag,
})
const plain = (...values: string[]): Sent => ({ batch: batchOf({ values }) })

function pendingOf(sent: readonly Sent[], now: number): PendingAppend {
  const arena = new Uint8Array(sent.reduce((sum, { batch }) => sum + batch.length, 0))
  const entries = new Float64Array(sent.length * ENTRY_FIELDS)
  let offset = 0
  for (const [i, { slot = SLOT, batch, tag = 0, openTag = tag }] of sent.entries()) {
    arena.set(batch, offset)
    const { holder, address } = tag === 0 ? { holder: 0, address: 0 } : PRODUCER
    entries.set([slot, offset, batch.length, tag, holder, address, openTag, 0], i * ENTRY_FIELDS)
    offset += batch.length
  }
  return new PendingAppend({ arena: arena.buffer, entries, now })
}

let table: ShardTable
const plan = new CommitPlan()

/** Stages one commit, and returns each batch's answer and the written rows. */
async function staged(
  sent: readonly Sent[],
  { isFull = false, now = NOW }: { isFull?: boolean; now?: number } = {},
): Promise<{ answers: readonly string[]; rows: readonly string[]; append: PendingAppend }> {
  const append = pendingOf(sent, now)
  checkBatches(append)
  stageBatches(append, { table, plan, isFull })
  plan.seal()
  const rows: string[] = []
  plan.write({ put: (key) => rows.push(familyOf(key) ?? 'no family'), remove: () => {} })
  plan.clear()
  append.settle()
  const { results } = await append.outcome
  const answers = sent.map((_, i) => {
    const [code, base, arrival, duplicate] = results.subarray(i * RESULT_FIELDS)
    if (code !== 0) return errorCodeOf(code!)
    return `${duplicate === 1 ? 'repeats' : 'stored'} ${base} at ${arrival}`
  })
  return { answers, rows, append }
}

beforeEach(() => {
  table = new ShardTable()
  table.open({ slot: SLOT, startingSequenceNumber: 0 })
})

describe('staging', () => {
  it('gives a batch the next number and the time, in the answer and in its header', async () => {
    const { answers, append } = await staged([plain('a', 'b'), plain('c')])
    expect(answers).toEqual([`stored 0 at ${NOW}`, `stored 2 at ${NOW}`])
    const headers = append.batches.map((batch) => [baseSequenceNumberAt(batch, 0), arrivalTimeAt(batch, 0)])
    expect(headers).toEqual([
      [0, NOW],
      [2, NOW],
    ])
  })

  it("never lowers a shard's arrival times", async () => {
    await staged([plain('a')])
    expect((await staged([plain('b')], { now: NOW - 500 })).answers).toEqual([`stored 1 at ${NOW}`])
  })

  it('writes each batch, one head per shard, one row per producer, and the time index where it is due', async () => {
    const first = await staged([from(0, ['a']), from(1, ['b']), plain('c')])
    expect(first.rows.toSorted()).toEqual(['batch', 'batch', 'batch', 'head', 'producer', 'time'])
    const next = await staged([plain('d')])
    expect(next.rows).toEqual(['batch', 'head'])
  })

  it('answers a batch that is stored already with its position, and writes nothing', async () => {
    await staged([from(0, ['a', 'b'])])
    for (const closed of [false, true]) {
      if (closed) table.seal([SLOT], plan)
      plan.clear()
      for (const isFull of [false, true]) {
        const { answers, rows } = await staged([from(0, ['a', 'b'])], { isFull, now: NOW + 9 })
        expect(answers).toEqual([`repeats 0 at ${NOW}`])
        expect(rows).toEqual([])
      }
    }
  })

  it('stores a batch that comes twice in one commit once', async () => {
    const { answers, rows } = await staged([from(0, ['a']), from(0, ['a'])])
    expect(answers).toEqual([`stored 0 at ${NOW}`, `repeats 0 at ${NOW}`])
    expect(rows.filter((family) => family === 'batch')).toHaveLength(1)
  })

  it('changes nothing for a refused batch, and stores those behind it', async () => {
    const damaged = plain('x')
    damaged.batch[damaged.batch.length - 1]! ^= 1
    const elsewhere = { ...plain('y'), slot: 9 }
    const { answers, rows } = await staged([damaged, elsewhere, from(5, ['z']), plain('a')])
    expect(answers).toEqual(['corruptBatch', 'shardNotFound', 'outOfOrderSequence', `stored 0 at ${NOW}`])
    expect(rows.toSorted()).toEqual(['batch', 'head', 'time'])
  })

  it.each([
    ['a batch without a producer', plain('n'), 'shardClosed', 'storageFull'],
    ['the next batch of a producer', from(1, ['n']), 'shardClosed', 'storageFull'],
    ['a batch after a gap', from(7, ['n']), 'shardClosed', 'outOfOrderSequence'],
    ['other content under the same number', from(0, ['n']), 'sequenceReused', 'sequenceReused'],
    ["a batch under another's id", { ...from(1, ['n']), tag: 6 }, 'producerUnproven', 'producerUnproven'],
  ])(
    'refuses %s at a closed shard and on a full disk, with the right code',
    async (_what, sent, closed, full) => {
      await staged([from(0, ['a'])])
      expect((await staged([sent], { isFull: true })).answers).toEqual([full])
      table.seal([SLOT], plan)
      plan.clear()
      expect((await staged([sent])).answers).toEqual([closed])
      expect((await staged([sent], { isFull: true })).answers).toEqual([closed])
    },
  )

  it('gives an id of nobody in particular to the first principal that shows its secret, and to no other', async () => {
    const open = PRODUCER.tag
    await staged([from(0, ['a'])])
    const as = (sent: Sent, tag: number): Sent => ({ ...sent, tag, openTag: open })
    const bound = [as(from(0, ['a']), 50), as(from(1, ['b']), 50), as(from(2, ['c']), 60), from(2, ['c'])]
    const { answers } = await staged(bound)
    // A repeated batch is still known, and a later one binds the id.
    expect(answers).toEqual([
      `repeats 0 at ${NOW}`,
      `stored 1 at ${NOW}`,
      'producerUnproven',
      'producerUnproven',
    ])
    expect((await staged([as(from(2, ['c']), 50)])).answers).toEqual([`stored 2 at ${NOW}`])
  })

  it('refuses a new producer if the owner has no room to remember it, and accepts a known one', async () => {
    table = new ShardTable({ producersMax: 1 })
    table.open({ slot: SLOT, startingSequenceNumber: 0 })
    const other = { batch: batchOf({ values: ['x'], producerId: 78, firstSequence: 0 }), tag: 8 }
    const { answers, rows } = await staged([from(0, ['a']), other, from(1, ['b'])])
    expect(answers).toEqual([`stored 0 at ${NOW}`, 'tooManyProducers', `stored 1 at ${NOW}`])
    expect(rows.filter((family) => family === 'producer')).toHaveLength(1)
  })
})
