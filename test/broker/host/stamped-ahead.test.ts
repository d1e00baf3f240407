// Shards on a host whose stamps are ahead of the clock: the host reports them. Once it knows when such a shard was closed, its
// records count as no younger than that.
import { describe, expect, it } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { at, makeBatch, placedShard, startTestHost, STREAM } from './support/test-host.ts'
import { rest } from './support/stepped-time.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** Starts a host whose shard has a record from before the clock was wrong, and one from then; the clock is right again. */
async function poisoned() {
  const host = await startTestHost()
  const session = new FakeSession()
  await host.append(session, makeBatch(['before']))
  const now = host.time.now()
  host.engine.followClock({ now: now + YEAR, expiryNow: now, holds: [] })
  await host.append(session, makeBatch(['during']))
  host.engine.followClock({ now, expiryNow: now, holds: [] })
  const close = async (): Promise<number> => {
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [1] }] })
    const closedAt = host.time.now()
    await host.engine.lifecycle.open([placedShard(0, { children: [1], closedAt })])
    return closedAt
  }
  return { host, session, close }
}

describe('a shard that is stamped ahead', () => {
  it('is reported until its closing time is known', async () => {
    const { host, close } = await poisoned()
    const [told] = host.engine.stampedAhead()
    expect(told).toMatchObject({ streamId: STREAM, shardIndex: 0 })
    expect(Math.abs(told!.aheadMs - YEAR)).toBeLessThanOrEqual(MINUTE)
    await close()
    expect(host.engine.stampedAhead()).toEqual([])
  })

  it('is read by time: earlier records are found, and none after it was closed', async () => {
    const { host, session, close } = await poisoned()
    const closedAt = await close()
    const found = async (time: number) =>
      (await host.resolve(session, at('AT_TIMESTAMP', time))).sequenceNumber
    expect(await found(closedAt - HOUR)).toBe(0)
    expect(await found(closedAt)).toBeLessThanOrEqual(1)
    expect(await found(closedAt + 1)).toBe(2)
    expect(await found(closedAt + YEAR)).toBe(2)
  })

  it('expires one retention after it was closed, and no earlier', async () => {
    const { host, close } = await poisoned()
    await close()
    host.time.advance(DAY)
    await rest()
    expect((await host.extents(0))[0]).toMatchObject({ tail: 2 })
    expect((await host.extents(0))[0]!.trimHorizon).toBeLessThan(2)
    host.time.advance(1)
    expect(await host.extents(0)).toMatchObject([{ trimHorizon: 2, tail: 2 }])
  })
})
