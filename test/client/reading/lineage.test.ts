// Which shards are read and when, as a pure decision: parents first, whatever the order in which shards end and in which
// the reading learns of new ones.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lineage, type LineageRouting } from '../../../client/reading/lineage.ts'
import { ShardCursor } from '../../../client/reading/shard-cursor.ts'

interface Shard {
  readonly index: number
  readonly parents: readonly number[]
  state: 'OPEN' | 'CLOSED'
}

/** What a routing says of some shards; hosts and ranges do not matter here. */
function routingOf(shards: readonly Shard[]): LineageRouting {
  const told = shards.map((shard) => ({
    ...shard,
    startingHashKey: new Uint8Array(16),
    endingHashKey: new Uint8Array(16),
    hostId: 1,
    startingSequenceNumber: shard.index * 10,
    closedAt: undefined,
  }))
  return { shards: told, shard: (index) => told.find((shard) => shard.index === index) }
}

const cursorOf = (index: number, until = Infinity) => new ShardCursor(index, { next: 0, until })
const indexesOf = (cursors: readonly ShardCursor[]) => cursors.map(({ shardIndex }) => shardIndex)

/** Steps of a stream: a split of an open shard, or a merge of two. */
const histories = fc.array(fc.record({ kind: fc.constantFrom('split', 'merge' as const), at: fc.nat(20) }), {
  maxLength: 12,
})

function grow(history: readonly { kind: 'split' | 'merge'; at: number }[]): Shard[] {
  const shards: Shard[] = [0, 1].map((index) => ({ index, parents: [], state: 'OPEN' }))
  for (const { kind, at } of history) {
    const open = shards.filter(({ state }) => state === 'OPEN')
    const parents = kind === 'merge' && open.length > 1 ? open.slice(0, 2) : [open[at % open.length]!]
    for (const parent of parents) parent.state = 'CLOSED'
    for (let i = 0; i < (parents.length === 2 ? 1 : 2); i++) {
      shards.push({ index: shards.length, parents: parents.map(({ index }) => index), state: 'OPEN' })
    }
  }
  return shards
}

describe('lineage', () => {
  it('begins every shard once, after all of its present parents, in any order in which shards end', () => {
    fc.assert(
      fc.property(histories, fc.nat(50), fc.infiniteStream(fc.nat(50)), (history, seen, choices) => {
        const shards = grow(history)
        const choose = <T>(items: readonly T[]): T => items[(choices.next().value as number) % items.length]!
        // The reading starts when only some of them are there; the oldest may have expired.
        const atStart = grow(history.slice(0, seen % (history.length + 1)))
        const closed = atStart.filter(({ state }) => state === 'CLOSED')
        const gone = new Set(closed.slice(0, seen % 3).map(({ index }) => index))
        const present = (of: readonly Shard[]) => of.filter(({ index }) => !gone.has(index))
        const cursors = present(atStart).map(({ index }) => cursorOf(index))
        const lineage = new Lineage(routingOf(present(atStart)), cursors)
        const drained = new Set<number>()
        const begun: number[] = []
        while (!lineage.isOver) {
          for (const { shardIndex } of lineage.begin()) {
            begun.push(shardIndex)
            const parents = shards[shardIndex]!.parents.filter((index) => !gone.has(index))
            expect(parents.filter((index) => !drained.has(index))).toEqual([])
          }
          const ending = [...lineage.active].filter(
            ({ shardIndex }) => shards[shardIndex]!.state === 'CLOSED',
          )
          if (ending.length > 0) {
            const cursor = choose(ending)
            drained.add(cursor.shardIndex)
            lineage.end(cursor)
          } else {
            if (!lineage.seeksChildren && lineage.routing.shards.length + gone.size === shards.length) break
            lineage.adopt(routingOf(present(shards)), { follows: true })
          }
        }
        expect(begun.toSorted((a, b) => a - b)).toEqual(present(shards).map(({ index }) => index))
      }),
    )
  })

  it('visits a waiting shard only when one of its parents is done, however many others wait', () => {
    const shards: Shard[] = Array.from({ length: 511 }, (_, index) => ({
      index,
      parents: index === 0 ? [] : [(index - 1) >> 1],
      state: index < 255 ? 'CLOSED' : 'OPEN',
    }))
    let looks = 0
    const { shards: told } = routingOf(shards)
    const shard = (index: number) => {
      looks++
      return told[index]
    }
    const lineage = new Lineage(
      { shards: told, shard },
      shards.map(({ index }) => cursorOf(index, 10)),
    )
    const begun: ShardCursor[] = lineage.begin()
    for (const cursor of begun) {
      lineage.drain(cursor)
      begun.push(...lineage.begin())
    }
    expect([begun.length, lineage.isOver]).toEqual([511, true])
    expect(looks).toBeLessThan(4 * 511)
  })

  it('holds back the children of a shard that is done before its turn, until its parents are drained', () => {
    const shards: Shard[] = [0, 1, 2].map((index) => ({
      index,
      parents: index === 0 ? [] : [index - 1],
      state: index < 2 ? 'CLOSED' : 'OPEN',
    }))
    const cursors = shards.map(({ index }) => cursorOf(index))
    const lineage = new Lineage(routingOf(shards), cursors)
    const [first] = lineage.begin()
    // By the clock of its host nothing of it is wanted; by another's, something of its child is.
    cursors[1]!.until = 0
    lineage.drain(cursors[1]!)
    expect(indexesOf(lineage.begin())).toEqual([])
    lineage.drain(first!)
    expect(indexesOf(lineage.begin())).toEqual([2])
  })

  it('asks for children only if the routing does not have them yet', () => {
    const parent: Shard = { index: 0, parents: [], state: 'CLOSED' }
    const child: Shard = { index: 1, parents: [0], state: 'OPEN' }
    const old = routingOf([{ ...parent, state: 'OPEN' }])
    const known = new Lineage(routingOf([parent, child]), [cursorOf(0), cursorOf(1)])
    known.end(known.begin()[0]!)
    expect(known.seeksChildren).toBe(false)
    expect(indexesOf(known.begin())).toEqual([1])
    const unknown = new Lineage(old, [cursorOf(0)])
    unknown.end(unknown.begin()[0]!)
    expect([unknown.seeksChildren, unknown.isOver]).toEqual([true, false])
    unknown.adopt(old, { follows: true })
    expect(unknown.seeksChildren).toBe(true)
    unknown.adopt(routingOf([parent, child]), { follows: true })
    expect(unknown.seeksChildren).toBe(false)
    expect(unknown.begin()).toMatchObject([{ shardIndex: 1, next: 10 }])
  })

  it('leaves out what it left out at the start, and makes way for the children of what is done before it begins', () => {
    const shards: Shard[] = [
      { index: 0, parents: [], state: 'CLOSED' },
      { index: 1, parents: [0], state: 'CLOSED' },
      { index: 2, parents: [1], state: 'OPEN' },
    ]
    const lineage = new Lineage(routingOf(shards), [cursorOf(1, 0), cursorOf(2)])
    expect(indexesOf(lineage.begin())).toEqual([2])
    lineage.adopt(routingOf(shards), { follows: true })
    expect(lineage.begin()).toEqual([])
  })
})
