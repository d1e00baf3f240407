// A bound in bytes on a host: it counts its stored bytes, never too many, and removes what the controller decides.
import { describe, expect, it } from 'vitest'
import { planSizeTrims } from '../../../../broker/control/retention/size-trims.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { span, startMaintained } from '../support/maintained-owner.ts'
import { servedDefaults } from '../../../support/requests.ts'
import { STREAM } from '../support/test-host.ts'

const SOON = 200
const LOOK = 10_000
const DAY = 86_400_000

describe('a bound in bytes', () => {
  const bounded = { settings: { ...servedDefaults, retentionMs: DAY, retentionBytes: 250 } }

  /** Decides like the controller of a single host. */
  async function bound({ maintenance }: ReturnType<typeof startMaintained>, retentionBytes = 250) {
    const stored = await maintenance.storedSpans(STREAM, Infinity)
    const trims = planSizeTrims(retentionBytes, [{ hostId: 1, ...stored }])
    maintenance.trimToBound({ streamId: STREAM, retentionBytes, trims })
    return stored
  }

  it('removes the oldest segments of a stream above it', async () => {
    const host = startMaintained()
    const { time, owner } = host
    host.serve(1, 200, bounded)
    host.serve(2, 200, bounded)
    host.seal('s1', [span(1, 0, 100, time.now())])
    host.seal('s2', [span(2, 0, 100, time.now() + 1)])
    host.seal('s3', [span(1, 100, 200, time.now() + 2), span(2, 100, 200, time.now() + 3)])
    await host.pass(SOON)
    expect(owner.calls).toEqual([])
    await bound(host)
    await host.pass(SOON)
    // Only the reader could find the numbers within s2, and here it finds none.
    expect(owner.calls).toEqual(['trim 1 to 100', 'drop s1'])
  })

  it('removes nothing without the controller, because other hosts may store parts of the stream', async () => {
    const host = startMaintained()
    host.serve(1, 9000, bounded)
    host.seal('s1', [span(1, 0, 9000, host.time.now())])
    for (let i = 0; i < 5; i++) await host.pass(LOOK)
    expect(host.owner.calls).toEqual([])
    expect([...host.maintenance.boundedBytes()]).toEqual([STREAM, 9000])
  })

  it('moves the horizon that readers see only once that is durable', async () => {
    const host = startMaintained()
    const { time, owner } = host
    const shard = host.serve(1, 200, bounded)
    host.serve(2, 200, bounded)
    host.seal('s1', [span(1, 0, 100, time.now())])
    host.seal('s2', [span(2, 0, 200, time.now() + 1), span(1, 100, 200, time.now() + 2)])
    await host.pass(SOON)
    owner.failures.set('trim', new MillraceError('outcomeUnknown', 'the disk is full'))
    await bound(host)
    await host.pass(SOON)
    expect([shard.trimHorizon, owner.calls]).toEqual([0, []])
    owner.failures.clear()
    await host.pass(LOOK)
    await host.pass(LOOK)
    expect([shard.trimHorizon, owner.calls]).toEqual([0, []])
    await bound(host)
    await host.pass(SOON)
    expect([shard.trimHorizon, owner.calls]).toEqual([100, ['trim 1 to 100', 'drop s1']])
  })

  it('neither counts nor removes expired records', async () => {
    const host = startMaintained()
    const { time, owner, reader } = host
    const settings = { ...bounded.settings, retentionBytes: 25_000 }
    host.serve(1, 1000, { settings })
    const old = { ...span(1, 0, 1000, time.now(), 100_000), firstArrival: time.now() - 9 * DAY }
    host.seal('s1', [old])
    reader.seek = () => Promise.resolve({ sequenceNumber: 900, arrivalTime: time.now() })
    await host.pass(SOON)
    expect(await bound(host, 25_000)).toMatchObject({ bytes: 10_000 })
    await host.pass(SOON)
    expect(owner.calls[0]).toBe('trim 1 to 900')
    expect(owner.calls).not.toContain('drop s1')
  })

  it('counts the readable records of the active segment, and removes none of them', async () => {
    const host = startMaintained()
    const { time } = host
    const shard = host.serve(1, 0, bounded)
    for (let base = 0; base < 10; base++) {
      shard.advance({ base, recordCount: 1, length: 100, arrivalTime: time.now() })
    }
    shard.raiseHorizon(4)
    expect(await bound(host)).toEqual({ bytes: 600, spans: new Float64Array(), completeTo: Infinity })
    expect([...host.maintenance.boundedBytes()]).toEqual([STREAM, 600])
    shard.raiseHorizon(10)
    expect(await bound(host)).toMatchObject({ bytes: 0 })
    await host.pass(LOOK)
    expect(host.owner.calls).toEqual(['trim 1 to 10'])
  })

  it('removes nothing if it was raised or removed after the decision', async () => {
    for (const retentionBytes of [0, 251]) {
      const host = startMaintained()
      const shard = host.serve(1, 400, bounded)
      host.seal('s1', [span(1, 0, 100, host.time.now())])
      host.seal('s2', [span(1, 100, 400, host.time.now() + 1)])
      await host.pass(SOON)
      await bound(host)
      shard.applySettings({ ...bounded.settings, retentionBytes }, 0)
      await host.pass(SOON)
      expect(host.owner.calls).toEqual([])
    }
  })

  it('does not touch streams within their bound, or without one', async () => {
    const host = startMaintained()
    host.serve(1, 200, bounded)
    host.serve(2, 9000, { streamId: 8 })
    host.seal('s1', [span(1, 0, 200, host.time.now()), span(2, 0, 9000, host.time.now())])
    await host.pass(SOON)
    await bound(host)
    await host.pass(SOON)
    expect(host.owner.calls).toEqual([])
    expect([...host.maintenance.boundedBytes()]).toEqual([STREAM, 200])
  })

  it('reports the oldest spans first, and only as many as are asked for', async () => {
    const host = startMaintained({ owners: 2 })
    const now = host.time.now()
    host.serve(1, 300, bounded)
    host.serve(2, 300, { ...bounded, ownerId: 1 })
    host.seal('s1', [span(1, 0, 100, now + 1)])
    host.seal('s2', [span(1, 100, 300, now + 3)])
    host.seal('t1', [span(2, 0, 300, now + 2)], 1)
    await host.pass(SOON)
    expect(await host.maintenance.storedSpans(STREAM, 101)).toEqual({
      bytes: 600,
      spans: Float64Array.of(1, 0, 100, now + 1, 100, 2, 0, 300, now + 2, 300),
      completeTo: now + 2,
    })
  })
})
