// An owner's promises to idempotent producers, on real LMDB in a temporary directory.
import { describe, expect } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { batchOf, test } from '../../../support/disk/storage.ts'

const stored = (base: number) => expect.objectContaining({ code: 'stored', base, duplicate: false })
const refused = (code: string) => ({ code, base: 0, arrival: 0, duplicate: false })

describe('idempotent producers', () => {
  const send = (firstSequence: number, values: string[], epoch = 0) => ({
    slot: 1,
    batch: batchOf({ values, producerId: 77, epoch, firstSequence }),
  })

  test('store a repeated batch once, and get its first position again', async ({ storage }) => {
    let now = 100
    const owner = await storage.openOwner({ now: () => now++ })
    await owner.open(1)
    expect(await owner.append(send(0, ['a', 'b']))).toEqual([stored(0)])
    const [original] = await owner.append(send(2, ['c']))
    const [duplicate] = await owner.append(send(2, ['c']))
    expect(duplicate).toEqual({ ...original, duplicate: true })
    expect(await owner.append(send(3, ['d']), send(3, ['d']))).toEqual([
      stored(3),
      expect.objectContaining({ code: 'stored', base: 3, duplicate: true }),
    ])
    expect(await owner.values(1, 4)).toEqual(['0=a', '1=b', '2=c', '3=d'])
  })

  test('are refused other content under the numbers of a stored batch, before and after a roll and a restart', async ({
    storage,
  }) => {
    const first = await storage.openOwner({ segmentBytes: 1 })
    await first.open(1)
    expect(await first.append(send(0, ['a', 'b']))).toEqual([stored(0)])
    const others = [send(0, ['a', 'x']), send(0, ['a']), send(1, ['b']), send(1, ['b', 'c'])]
    expect(await first.append(...others)).toEqual(others.map(() => refused('sequenceReused')))
    await first.put(1, ['rolls'])
    expect(first.list.segments.length).toBeGreaterThan(1)
    expect(await first.append(...others)).toEqual(others.map(() => refused('sequenceReused')))
    await storage.closeOwners()
    const again = await storage.openOwner()
    const [extent] = await again.open(1)
    expect(await again.append(...others)).toEqual(others.map(() => refused('sequenceReused')))
    expect(await again.append(send(0, ['a', 'b']))).toMatchObject([{ base: 0, duplicate: true }])
    expect(await again.open(1)).toEqual([extent])
    expect(await again.append(send(2, ['c']))).toEqual([stored(3)])
    expect(await again.values(1, 4)).toEqual(['0=a', '1=b', '2=rolls', '3=c'])
  })

  test('are refused a gap, and nothing of it is stored', async ({ storage }) => {
    const owner = await storage.openOwner()
    await owner.open(1)
    expect(await owner.append(send(0, ['a']), send(5, ['x']), send(1, ['b']))).toEqual([
      stored(0),
      refused('outOfOrderSequence'),
      stored(1),
    ])
    expect(await owner.append(send(0, ['z'], 2), send(2, ['c']))).toEqual([
      stored(2),
      refused('producerFenced'),
    ])
  })

  test('store a retry once after a restart and after a roll', async ({ storage }) => {
    const first = await storage.openOwner()
    await first.open(1)
    await first.append(send(0, ['a']), send(1, ['b']))
    await storage.closeOwners()
    const second = await storage.openOwner({ segmentBytes: 1 })
    await second.open(1)
    expect((await second.append(send(1, ['b'])))[0]).toMatchObject({ base: 1, duplicate: true })
    await second.put(1, ['fills the segment'])
    await second.put(1, ['rolls it'])
    expect(second.list.segments.length).toBeGreaterThan(1)
    expect((await second.append(send(0, ['a'])))[0]).toMatchObject({ base: 0, duplicate: true })
    expect(await second.append(send(2, ['c']))).toEqual([stored(4)])
  })

  test('are forgotten in the order of idleness, and their rows with them', async ({ storage }) => {
    let now = 0
    const owner = await storage.openOwner({ producersMax: 2, now: () => now, elapsed: () => now })
    await owner.open(1)
    for (const producerId of [1, 2, 3]) {
      await owner.put(1, ['a'], { producerId })
      now += limits.producerIdleMsMin
    }
    expect(await owner.put(1, ['b'], { producerId: 1, firstSequence: 1 })).toEqual(
      refused('outOfOrderSequence'),
    )
    expect(await owner.put(1, ['b'], { producerId: 3, firstSequence: 1 })).toEqual(stored(3))
    // The producer begins again from 0; the check at the end of the test must accept that.
    now += limits.producerIdleMsMin
    expect(await owner.put(1, ['c'], { producerId: 1 })).toEqual(stored(4))
  })
})

describe('more producers than an owner remembers', () => {
  test('a new producer is refused while none was idle for long, and no retry is stored twice', async ({
    storage,
  }) => {
    let now = 0
    const options = { producersMax: 2, now: () => now, elapsed: () => now }
    const owner = await storage.openOwner(options)
    await owner.open(1)
    for (const producerId of [1, 2]) await owner.put(1, ['a'], { producerId })
    now = limits.producerIdleMsMin - 1
    expect(await owner.put(1, ['a'], { producerId: 3 })).toEqual(refused('tooManyProducers'))
    expect(await owner.put(1, ['a'], { producerId: 1 })).toMatchObject({ base: 0, duplicate: true })
    expect(await owner.put(1, ['b'], { producerId: 2, firstSequence: 1 })).toEqual(stored(2))
    expect(await owner.put(1, ['no producer'])).toEqual(stored(3))
    await storage.closeOwners()
    const again = await storage.openOwner(options)
    await again.open(1)
    expect(await again.put(1, ['a'], { producerId: 3 })).toEqual(refused('tooManyProducers'))
    now++
    expect(await again.put(1, ['a'], { producerId: 3 })).toEqual(stored(4))
  })
})

describe('a session that invents producers', () => {
  test("is refused with the right error at its share, and another session's producers are still accepted", async ({
    storage,
  }) => {
    const owner = await storage.openOwner({ producersMax: 512 })
    await owner.open(1)
    const batches = Array.from({ length: 600 }, (_, i) => batchOf({ producerId: 1 + i }))
    const hostile = { slot: 1, holder: 1, address: 1 }
    const answers = await owner.append(...batches.map((batch) => ({ ...hostile, batch })))
    const taken = answers.filter(({ code }) => code === 'stored').length
    expect(answers.slice(taken)).toEqual(batches.slice(taken).map(() => refused('tooManyProducers')))
    expect((await owner.stats()).producers).toBe(taken)
    const honest = { slot: 1, holder: 2, address: 1 }
    const first = { ...honest, batch: batchOf({ producerId: 1000 }) }
    expect(await owner.append(first)).toEqual([stored(taken)])
    expect(await owner.append(first)).toMatchObject([{ base: taken, duplicate: true }])
    // Producers that the session already has are still known, and continue.
    expect(await owner.append({ ...hostile, batch: batches[0]! })).toMatchObject([
      { base: 0, duplicate: true },
    ])
    const next = batchOf({ producerId: 1, firstSequence: 1 })
    expect(await owner.append({ ...hostile, batch: next })).toEqual([stored(taken + 1)])
  })
})
