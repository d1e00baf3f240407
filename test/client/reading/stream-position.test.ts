// The place of a reading in a whole stream: plain data from which another reading goes on, whatever has become of the shards.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StreamPosition } from '../../../client/index.ts'
import { Lineage } from '../../../client/reading/lineage.ts'
import { ShardCursor } from '../../../client/reading/shard-cursor.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import { fill } from '../support/fill.ts'
import { collect, connectTo, values } from '../support/reading.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('position of a reading', () => {
  it('is behind the last record that the loop was handed, also within a batch', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3, 4])
    const { client, end } = await connectTo(broker)
    for (const count of [1, 2, 3, 4, 9]) {
      const reading = client.read('clicks')
      const first = await driven(collect(reading, count))
      expect(first).toEqual(values(0, 0, count))
      const rest = client.read('clicks', { from: reading.position })
      await expect(driven(collect(rest))).resolves.toEqual(values(0, count, 10))
    }
    await end()
  })

  it('of a reading that ended leads to what is stored later', async () => {
    const broker = new FakeBroker({ shards: 2 })
    fill(broker, 0, [3])
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks')
    await driven(collect(reading))
    fill(broker, 0, [2])
    fill(broker, 1, [1])
    const more = await driven(collect(client.read('clicks', { from: reading.position })))
    expect(more.toSorted()).toEqual([...values(0, 3, 5), ...values(1, 0, 1)].toSorted())
    await end()
  })

  it('survives JSON, and whole batches count as handed out', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3, 4])
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks')
    await driven(
      (async () => {
        for await (const batch of reading.batches()) if (batch.length > 0) break
      })(),
    )
    const from = JSON.parse(JSON.stringify(reading.position)) as StreamPosition
    await expect(driven(collect(client.read('clicks', { from })))).resolves.toEqual(values(0, 3, 10))
    await end()
  })

  it('of a subscription goes on in a reading', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3, 3])
    const { client, end } = await connectTo(broker)
    const subscription = client.subscribe('clicks', { from: 'TRIM_HORIZON' })
    await driven(collect(subscription, 4))
    const rest = client.read('clicks', { from: subscription.position })
    await expect(driven(collect(rest))).resolves.toEqual(values(0, 4, 6))
    await end()
  })

  it('is not known before the start', async () => {
    const broker = new FakeBroker()
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks')
    expect(() => reading.position).toThrow(expect.objectContaining({ code: 'unavailable' }))
    await driven(reading.started)
    expect(reading.position.shards).toEqual({ 'shardId-000000000000': 0 })
    await end()
  })

  it('is refused in another stream, and where it is not whole', async () => {
    const broker = new FakeBroker()
    fill(broker, 0, [3])
    const { client, end } = await connectTo(broker)
    const reading = client.read('clicks')
    await driven(collect(reading))
    const from = { ...reading.position, streamId: reading.position.streamId + 1 }
    await expect(driven(collect(client.read('clicks', { from })))).rejects.toMatchObject({
      code: 'invalidPosition',
    })
    for (const wrong of [
      { streamId: 1 },
      { ...from, shards: { x: 1 } },
      { ...from, shards: { 'shard-0': -1 } },
    ]) {
      await expect(driven(collect(client.read('clicks', { from: wrong as never })))).rejects.toMatchObject({
        code: 'invalidArgument',
      })
    }
    await end()
  })
})

interface Shard {
  readonly index: number
  readonly parents: readonly number[]
  readonly start: number
  end: number
  state: 'OPEN' | 'CLOSED'
}

/** A stream that splits, merges and takes records; what is read of it is compared with all that it holds. */
class Stream {
  readonly shards: Shard[] = [0, 1].map((index) => ({ index, parents: [], start: 0, end: 0, state: 'OPEN' }))

  get open(): Shard[] {
    return this.shards.filter(({ state }) => state === 'OPEN')
  }

  change(kind: 'append' | 'split' | 'merge', at: number): void {
    const open = this.open
    const first = open[at % open.length]!
    if (kind === 'append') first.end += 1 + (at % 3)
    else if (kind === 'split') this.#replace([first], 2)
    else if (open.length > 1) this.#replace([first, open[(at + 1) % open.length]!], 1)
  }

  routing() {
    const shards = this.shards.map(({ index, parents, start, state }) => ({
      index,
      parents,
      state,
      startingSequenceNumber: start,
      startingHashKey: new Uint8Array(16),
      endingHashKey: new Uint8Array(16),
      hostId: 1,
      closedAt: undefined,
    }))
    return { shards, shard: (index: number) => shards[index] }
  }

  #replace(parents: readonly Shard[], count: number): void {
    const start = Math.max(...parents.map(({ end }) => end))
    for (const parent of parents) parent.state = 'CLOSED'
    for (let i = 0; i < count; i++) {
      const index = this.shards.length
      this.shards.push({
        index,
        parents: parents.map((parent) => parent.index),
        start,
        end: start,
        state: 'OPEN',
      })
    }
  }
}

/** Cursors as `from` makes them of a position, or of the whole stream. */
function begin(stream: Stream, position: Lineage['position'] | undefined) {
  const routing = stream.routing()
  const cursors = routing.shards.flatMap(({ index, startingSequenceNumber }) => {
    const listed = position?.shards[new ShardCursor(index, { next: 0, until: 0 }).shardId]
    const isNew = position === undefined || index >= position.shardsBelow
    const next = listed ?? (isNew ? startingSequenceNumber : undefined)
    return next === undefined ? [] : [new ShardCursor(index, { next, until: Infinity })]
  })
  return new Lineage(routing, cursors)
}

const kinds = ['append', 'split', 'merge', 'read', 'arrive', 'learn', 'resume'] as const

const steps = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(1000)), { minLength: 1, maxLength: 60 })

/** A shard that appeared while reading is read to its end, and then the reading stops. */
const grandchild: [(typeof kinds)[number], number][] = [
  ['split', 0],
  ['learn', 0],
  ['arrive', 0],
  ['append', 1],
  ['arrive', 1],
  ['read', 0],
  ['read', 0],
  ['split', 1],
  ['learn', 0],
  ['arrive', 1],
  ['resume', 0],
]

it('position of a reading: from wherever readings stop, each record is read once, and parents before children', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const stream = new Stream()
      const seen = new Map<number, number[]>()
      const read: { shard: number; number: number }[] = []
      let lineage = begin(stream, undefined)
      /** What has arrived, in order, of the present reading. */
      let inbox: { cursor: ShardCursor; from: number; next: number }[] = []
      lineage.begin()
      const arrive = (cursor: ShardCursor): void => {
        const { end, state } = stream.shards[cursor.shardIndex]!
        if (cursor.next < end) {
          inbox.push({ cursor, from: cursor.next, next: end })
          cursor.putBatch(cursor.next)
          cursor.next = end
        } else if (state === 'CLOSED') {
          lineage.end(cursor)
          lineage.begin()
        }
      }
      const learn = (): void => {
        lineage.adopt(stream.routing(), { follows: true })
        lineage.begin()
      }
      const take = (): void => {
        const [first] = inbox
        if (first === undefined) return
        const number = first.from++
        read.push({ shard: first.cursor.shardIndex, number })
        first.cursor.beginBatch({ handedTo: number + 1 })
        if (first.from < first.next) return
        first.cursor.endBatch(first.next)
        inbox.shift()
      }
      const resume = (): void => {
        lineage = begin(stream, JSON.parse(JSON.stringify(lineage.position)) as typeof lineage.position)
        inbox = []
        lineage.begin()
      }
      for (const [step, at] of history) {
        const active = [...lineage.active]
        if (step === 'read') take()
        else if (step === 'learn') learn()
        else if (step === 'resume') resume()
        else if (step !== 'arrive') stream.change(step, at)
        else if (active.length > 0) arrive(active[at % active.length]!)
      }
      resume()
      for (let round = 0; round < 4 * stream.shards.length + 4; round++) {
        for (const cursor of lineage.active) arrive(cursor)
        while (inbox.length > 0) take()
        learn()
      }
      for (const { shard, number } of read) seen.set(shard, [...(seen.get(shard) ?? []), number])
      for (const { index, parents, start, end } of stream.shards) {
        expect(seen.get(index) ?? []).toEqual(Array.from({ length: end - start }, (_, i) => start + i))
        const first = read.findIndex(({ shard }) => shard === index)
        for (const parent of parents) {
          const last = read.findLastIndex(({ shard }) => shard === parent)
          expect(first === -1 || last < first).toBe(true)
        }
      }
    }),
    { numRuns: 500, examples: [[grandchild]] },
  )
})
