// Only expired data is removed: records expire to the millisecond of their arrival for every reader, and segments and disk
// space follow, over splits and merges, on a full disk, and when the clock jumps. Runs a whole broker with a clock that the
// test controls.
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { diskUseOf } from '../../support/disk/disk-use.ts'
import { until } from '../../support/checker/progress.ts'
import { randomOf } from '../../support/random.ts'
import { HOUR, MINUTE, TimeStream } from './time-stream.ts'

const SECOND = 1000
const MIB = 2 ** 20
/** Two kilobytes each: five such appends fill a segment. */
const APPENDED = 100

async function timeStream(...args: Parameters<typeof TimeStream.start>): Promise<TimeStream> {
  const stream = await TimeStream.start(...args)
  onTestFinished(() => stream[Symbol.asyncDispose]())
  return stream
}

/** Maintenance looks at once when a segment is sealed: enough to another stream seals one. */
async function sealOne(stream: TimeStream): Promise<void> {
  for (let time = 0; time < 6; time++) await stream.append(APPENDED, 'others')
}

describe('retention', () => {
  test('expires each record to the millisecond for every reader, over segments and changes of shards', async () => {
    const stream = await timeStream({ shards: 2, retentionMs: HOUR })
    const { client, time, name } = stream
    const random = randomOf(Date.now() % 1_000_000)
    const changes: Readonly<Record<number, () => Promise<unknown>>> = {
      8: () => client.splitShard(name, 'shardId-000000000000'),
      16: () => client.updateShardCount(name, 5),
      24: () => client.updateShardCount(name, 1),
    }
    for (let round = 0; round < 32; round++) {
      time.advance(random.below(6 * MINUTE) + 1)
      await stream.append(60)
      await changes[round]?.()
      const now = time.now()
      const horizon = now - HOUR
      expect(await stream.values(), `seed ${random.seed}, round ${round}`).toEqual(
        stream.valuesBetween(horizon),
      )
      const from = horizon - MINUTE + random.below(HOUR)
      // A read of a range that ends in the future waits for the rest.
      const to = Math.min(from + random.below(HOUR), now - 2 * SECOND)
      const range = { from: { atTimestamp: from }, until: { atTimestamp: to } }
      const expected = stream.valuesBetween(Math.max(from, horizon), to)
      expect(await stream.values(range), `seed ${random.seed}, round ${round}`).toEqual(expected)
      await stream.seeHorizons()
    }
    const first = stream.arrived.find(({ arrivalTime }) => arrivalTime >= time.now() - HOUR)!
    time.advance(first.arrivalTime + HOUR - time.now())
    expect(await stream.values(), 'in its last millisecond').toContain(first.value)
    time.advance(1)
    expect(await stream.values(), 'a millisecond later').not.toContain(first.value)
    expect(await stream.judge()).toEqual([])
  })

  test('gives the space of expired records back to the disk, while others are kept', async () => {
    const stream = await timeStream({ shards: 2, retentionMs: HOUR })
    const { client, time } = stream
    await client.createStream('others')
    for (let time = 0; time < 30; time++) await stream.append(APPENDED)
    const full = diskUseOf(stream.dataDir).bytes
    expect(full).toBeGreaterThan(5 * MIB)
    // Read from the disk, so that readers have the segments open that are to go.
    await stream.values()
    time.advance(HOUR + 1)
    await sealOne(stream)
    await until('the expired segments are gone, and nobody holds them', () => {
      const { bytes, deletedButOpen } = diskUseOf(stream.dataDir)
      return bytes < 4 * MIB && deletedButOpen.length === 0
    })
    expect(await stream.values()).toEqual([])
    expect(await stream.values({}, 'others')).toHaveLength(6 * APPENDED)
    const metrics = await stream.broker.metrics()
    expect(metrics).toMatch(/millrace_removed_segments_total\{[^}]*\} [1-9]/)
    expect(await stream.judge()).toEqual([])
  })

  test('reclaims the space of a deleted stream from segments that it shared with other streams', async () => {
    const stream = await timeStream({ shards: 2 })
    const { client } = stream
    await client.createStream('doomed')
    await client.createStream('others')
    for (let time = 0; time < 20; time++) {
      await stream.append(APPENDED / 5)
      await stream.append(APPENDED, 'doomed')
    }
    expect(diskUseOf(stream.dataDir).bytes).toBeGreaterThan(4 * MIB)
    await client.deleteStream('doomed')
    await sealOne(stream)
    await until('only what is kept takes space', () => {
      const { bytes, deletedButOpen } = diskUseOf(stream.dataDir)
      return bytes < 4 * MIB && deletedButOpen.length === 0
    })
    expect(await stream.broker.metrics()).toMatch(
      /millrace_compactions_total\{[^}]*result="done"[^}]*\} [1-9]/,
    )
    expect(await stream.values()).toEqual(stream.valuesBetween(0))
    expect(await stream.judge()).toEqual([])
  })

  test('keeps a stream within its bound of bytes, and only the newest records', async () => {
    const bound = 2 * MIB
    const stream = await timeStream({ shards: 2, retentionBytes: bound })
    await stream.client.createStream('others')
    for (let time = 0; time < 40; time++) await stream.append(APPENDED)
    await sealOne(stream)
    await until('the oldest segments are gone', () => diskUseOf(stream.dataDir).bytes < bound + 5 * MIB)
    await stream.seeHorizons()
    const kept = await stream.values({ onTrimmed: 'horizon' })
    expect(kept.length).toBeGreaterThan(bound / 2 / 2000)
    expect(kept.length).toBeLessThan(stream.arrived.length)
    expect(await stream.judge()).toEqual([])
  })

  test('can be raised and lowered while the broker runs: records within the new retention stay, older ones expire', async () => {
    const stream = await timeStream({ retentionMs: 2 * HOUR })
    const { client, time, name } = stream
    await stream.append(20)
    time.advance(HOUR)
    await stream.append(20)
    await client.updateStream(name, { retentionMs: 24 * HOUR })
    time.advance(3 * HOUR)
    expect(await stream.values()).toEqual(stream.valuesBetween(0))
    await client.updateStream(name, { retentionMs: HOUR })
    expect(await stream.values()).toEqual([])
    await stream.append(20)
    // Expired records stay expired.
    await client.updateStream(name, { retentionMs: 24 * HOUR })
    expect(await stream.values()).toEqual(stream.valuesBetween(time.now()))
    expect(await stream.judge()).toEqual([])
  })
})

describe('a range of time', () => {
  test('that ends in the future: is read as its records arrive, and not a millisecond further', async () => {
    const stream = await timeStream({ shards: 2 })
    const { time, client, name } = stream
    await stream.append(20)
    const end = time.now() + HOUR
    const reading = stream.values({ until: { atTimestamp: end } })
    time.advance(HOUR - 1)
    await stream.append(20)
    await client.splitShard(name, 'shardId-000000000000')
    await stream.append(20)
    time.advance(1)
    await stream.append(20)
    time.advance(MINUTE)
    expect(await reading).toEqual(stream.valuesBetween(0, end))
    expect(await stream.judge()).toEqual([])
  })
})

describe('a clock that jumps', () => {
  test('ahead: expires nothing for an hour, in which the clock can be set right', async () => {
    const stream = await timeStream({ retentionMs: HOUR })
    const { time } = stream
    await stream.append(20)
    time.jump(48 * HOUR)
    expect(await stream.values()).toEqual(stream.valuesBetween(0))
    time.advance(30 * MINUTE)
    expect(await stream.values()).toEqual(stream.valuesBetween(0))
    time.jump(-48 * HOUR)
    await stream.append(20)
    expect(await stream.values()).toEqual(stream.valuesBetween(0))
    time.advance(31 * MINUTE)
    expect(await stream.values()).toEqual(stream.valuesBetween(time.now() - HOUR))
    expect(await stream.judge()).toEqual([])
  })

  test('ahead: does not stamp records while it is wrong: records from then and later are found by time, and expire', async () => {
    const stream = await timeStream({ shards: 2, retentionMs: HOUR })
    const { time } = stream
    await stream.append(20)
    for (const wrong of [87_600 * HOUR, -87_600 * HOUR, 3 * MINUTE]) {
      time.jump(wrong)
      await stream.append(20)
      time.jump(-wrong)
      await stream.append(20)
      expect(stream.arrived.at(-1)!.arrivalTime).toBe(time.now())
      time.advance(10 * SECOND)
    }
    const since = {
      from: { atTimestamp: time.now() - MINUTE },
      until: { atTimestamp: time.now() - 5 * SECOND },
    }
    expect(await stream.values(since)).toEqual(stream.valuesBetween(time.now() - MINUTE))
    time.advance(HOUR)
    expect(await stream.values()).toEqual([])
    expect(await stream.judge()).toEqual([])
  })

  test('ahead, for good: is believed in the end', async () => {
    const stream = await timeStream({ retentionMs: 24 * HOUR })
    const { time } = stream
    await stream.append(20)
    time.jump(48 * HOUR)
    // The host has to look to notice: a jump lasts from the moment at which it was seen.
    expect(await stream.values()).toHaveLength(20)
    time.advance(HOUR + MINUTE)
    expect(await stream.values()).toEqual([])
    expect(await stream.judge()).toEqual([])
  })

  test('back: brings no expired record back, and arrival times do not fall', async () => {
    const stream = await timeStream({ retentionMs: HOUR })
    const { time } = stream
    await stream.append(20)
    time.advance(2 * HOUR)
    await stream.append(20)
    const kept = stream.valuesBetween(time.now())
    expect(await stream.values()).toEqual(kept)
    await stream.seeHorizons()
    time.jump(-2 * HOUR)
    expect(await stream.values()).toEqual(kept)
    await stream.append(20)
    expect(await stream.values()).toHaveLength(40)
    expect(await stream.judge()).toEqual([])
  })
})

describe('a disk that runs full', () => {
  test('refuses appends below the floor, serves reads, and takes appends again when old records have expired', async () => {
    const freeBytesOf = async (owner: string) => 12 * MIB - diskUseOf(join(owner, '../..')).bytes
    const stream = await timeStream(
      { retentionMs: HOUR },
      { storage: { freeBytesOf }, config: { freeSpaceFloor: 4 * MIB } },
    )
    const { time } = stream
    let appending: Promise<void> | undefined
    await until('an append is refused', async () => {
      appending ??= stream.append(APPENDED).then(() => (appending = undefined))
      const refused = /millrace_refused_batches_total\{[^}]*storageFull[^}]*\} [1-9]/
      return refused.test(await stream.broker.metrics())
    })
    await until('what was acknowledged is read, and nothing else', async () =>
      isDeepStrictEqual(await stream.values(), stream.valuesBetween(0)),
    )
    expect(appending).toBeDefined()
    time.advance(HOUR + 1)
    // No action is needed: expired records are removed, which frees the space for appends.
    await appending
    const kept = stream.valuesBetween(time.now())
    expect(kept.length).toBeGreaterThan(0)
    expect(await stream.values()).toEqual(kept)
    expect(await stream.judge()).toEqual([])
  })
})
