// Maintenance: removes records that are not wanted and no others; a failure is tried again and disturbs nothing else.
import { describe, expect, it } from 'vitest'
import { servedDefaults } from '../../../support/requests.ts'
import { InvariantError } from '../../../../protocol/invariant.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { SEGMENT_AGE_MS, span, startMaintained } from '../support/maintained-owner.ts'
import { rest } from '../support/stepped-time.ts'

const SOON = 200
const LOOK = 10_000
const DAY = 86_400_000

const messages = (logged: readonly Record<string, unknown>[], level = 'info'): unknown[] =>
  logged.filter((line) => line['level'] === level).map(({ msg }) => msg)

describe('removal', () => {
  it('drops expired segments after their horizons are durable, and counts the freed bytes', async () => {
    const host = startMaintained()
    const { time, owner, counted, logged } = host
    const shard = host.serve(1, 300, { lastArrivalTime: time.now() + 5000 })
    host.seal('s1', [span(1, 0, 100, time.now())])
    host.seal('s2', [span(1, 100, 200, time.now())])
    host.seal('s3', [span(1, 200, 300, time.now() + 5000)])
    await host.pass(SOON)
    expect(owner.calls).toEqual([])
    await host.pass(DAY)
    expect(owner.calls).toEqual(['trim 1 to 200', 'drop s1 s2'])
    expect(shard.trimHorizon).toBe(200)
    expect(counted.sum('millrace_removed_segments_total')).toBe(2)
    expect(counted.sum('millrace_removed_bytes_total')).toBe(200)
    expect(messages(logged)).toEqual(['removed segments that hold no wanted records'])
    await host.pass(LOOK)
    expect(owner.calls).toEqual(['trim 1 to 200', 'drop s1 s2', 'trim 1 to 300', 'drop s3'])
  })

  it('drops segments of forgotten slots, and keeps those of shards that are refused or not served yet', async () => {
    const host = startMaintained()
    const { time, owner } = host
    host.seal('forgotten', [span(7, 0, 100, time.now())])
    host.seal('refused', [span(8, 0, 100, time.now())])
    host.seal('unserved', [span(9, 0, 100, time.now() - 10 * DAY)])
    owner.refused = [8]
    owner.horizons.set(9, 0)
    await host.pass(SOON)
    await host.pass(5 * LOOK)
    expect(owner.calls).toEqual(['drop forgotten'])
    expect(owner.names).toEqual(['refused', 'unserved', 'active-1'])
  })

  it('uses the durable horizons while new ones cannot be made durable, and removes the rest later', async () => {
    const host = startMaintained()
    const { time, owner, logged, broken } = host
    host.serve(1, 100)
    host.serve(2, 200)
    host.seal('s1', [span(2, 0, 100, time.now())])
    host.seal('s2', [span(1, 0, 100, time.now() - 2 * DAY)])
    owner.horizons.set(2, 100)
    owner.failures.set('trim', new MillraceError('outcomeUnknown', 'the disk is full'))
    await host.pass(SOON)
    expect(owner.calls).toEqual(['drop s1'])
    expect(messages(logged, 'warn')).toEqual(['retention could not go on'])
    owner.failures.clear()
    await host.pass(LOOK)
    await host.pass(LOOK)
    expect(owner.calls).toEqual(['drop s1', 'trim 1 to 100', 'drop s2'])
    expect(broken).toEqual([])
  })

  it('goes on within a minute after an owner that failed for long answers again', async () => {
    const host = startMaintained()
    const { owner } = host
    host.seal('s1', [span(7, 0, 100, host.time.now())])
    owner.failures.set('wanted', new MillraceError('unavailable', 'storage failed'))
    for (let i = 0; i < 200; i++) await host.pass(LOOK)
    expect(owner.calls).toEqual([])
    owner.failures.clear()
    for (let i = 0; i < 7; i++) await host.pass(LOOK)
    expect(owner.calls).toEqual(['drop s1'])
  })

  it('keeps a segment that cannot be surveyed, and surveys it again later', async () => {
    const host = startMaintained()
    const { time, owner, storage } = host
    host.seal('damaged', [span(7, 0, 100, time.now())])
    host.seal('sound', [span(7, 100, 200, time.now())])
    storage.segments.delete('damaged')
    await host.pass(SOON)
    expect(owner.calls).toEqual(['drop sound'])
    await host.pass(SOON)
    expect(storage.surveyed).toEqual(['damaged', 'sound'])
    storage.put('damaged', [span(7, 0, 100, time.now())])
    await host.pass(LOOK)
    await host.pass(LOOK)
    expect(owner.calls).toEqual(['drop sound', 'drop damaged'])
  })

  it('does not touch a segment that is gone since the owner answered', async () => {
    const host = startMaintained()
    const { time, owner, storage, logged } = host
    host.seal('s1', [span(7, 0, 100, time.now())])
    host.seal('s2', [span(7, 100, 200, time.now())])
    const survey = storage.survey.bind(storage)
    storage.survey = (task) => {
      // A compaction that ends just now has the same effect.
      if (task.segment === 's2') owner.names = ['s2', 'active-1']
      return survey(task)
    }
    await host.pass(SOON)
    expect(owner.calls).toEqual(['drop s2'])
    expect(messages(logged, 'warn')).toEqual([])
  })

  it('surveys a segment once, for as long as it is listed', async () => {
    const host = startMaintained()
    host.serve(1, 100)
    host.seal('s1', [span(1, 0, 100, host.time.now())])
    for (let i = 0; i < 5; i++) await host.pass(LOOK)
    expect(host.storage.surveyed).toEqual(['s1'])
  })

  it('counts the readable bytes of each shard, and the stored bytes of all', async () => {
    const host = startMaintained()
    const shard = host.serve(1, 300)
    host.seal('s1', [span(1, 0, 100, host.time.now()), span(7, 0, 50, host.time.now())])
    host.seal('s2', [span(1, 100, 300, host.time.now())])
    shard.advance({ base: 300, recordCount: 1, length: 40, arrivalTime: host.time.now() })
    expect(shard.extent.bytes).toBe(40)
    await host.pass(SOON)
    expect(shard.extent.bytes).toBe(340)
    expect(host.maintenance.sealedBytes).toBe(350)
    shard.raiseHorizon(200)
    await host.pass(LOOK)
    expect(shard.extent.bytes).toBe(140)
  })
})

describe('the active segment', () => {
  it('is sealed at its age', async () => {
    const host = startMaintained()
    await host.pass(SEGMENT_AGE_MS - LOOK)
    expect(host.owner.calls).toEqual([])
    await host.pass(LOOK)
    expect(host.owner.calls).toEqual(['roll'])
  })

  it('is sealed at its age since it was first seen, if its start is stamped years ahead', async () => {
    const host = startMaintained()
    host.owner.activeSince += 3650 * DAY
    await host.pass(LOOK)
    await host.pass(SEGMENT_AGE_MS - LOOK)
    expect(host.owner.calls).toEqual([])
    for (let i = 0; i < 2; i++) await host.pass(LOOK)
    expect(host.owner.calls).toEqual(['roll'])
  })

  it('is sealed when most of it belongs to deleted streams, whose bytes are then no longer counted', async () => {
    const host = startMaintained()
    const { owner, shards, time, maintenance } = host
    const bytes = 40 * 1024 * 1024
    const shard = host.serve(1, 0)
    shard.advance({ base: 0, recordCount: 1, length: bytes, arrivalTime: time.now() })
    owner.activeBytes = 1.5 * bytes
    await host.pass(LOOK)
    expect(owner.calls).toEqual([])
    shards.remove(shard)
    maintenance.forgot(shard)
    await host.pass(LOOK)
    expect(owner.calls).toEqual(['roll'])
    await host.pass(LOOK)
    expect(owner.calls).toEqual(['roll'])
  })

  it('is sealed when most of it has expired', async () => {
    const host = startMaintained()
    const bytes = 40 * 1024 * 1024
    const settings = { ...servedDefaults, retentionMs: 60_000 }
    const shard = host.serve(1, 0, { settings })
    host.owner.activeBytes = bytes
    shard.advance({ base: 0, recordCount: 1, length: bytes, arrivalTime: host.time.now() })
    await host.pass(60_000)
    expect(host.owner.calls).toEqual([])
    await host.pass(LOOK)
    expect(host.owner.calls).toEqual(['trim 1 to 1', 'roll'])
    expect(shard.activeBytes).toBe(0)
  })

  it('that cannot be sealed does not hold up other work', async () => {
    const host = startMaintained()
    host.owner.failures.set('roll', new MillraceError('storageFull', 'a test'))
    await host.pass(SEGMENT_AGE_MS)
    host.seal('s1', [span(7, 0, 100, host.time.now())])
    await host.pass(SOON)
    expect(host.owner.calls).toEqual(['drop s1'])
  })
})

describe('compaction', () => {
  /** Starts owners, each with a segment of which a tenth is wanted. */
  function sparse(owners = 1) {
    const host = startMaintained({ owners })
    for (let ownerId = 0; ownerId < owners; ownerId++) {
      host.serve(ownerId + 1, 500, { ownerId, shardIndex: ownerId })
      const spans = [span(ownerId + 1, 0, 50, host.time.now()), span(9, 0, 450, host.time.now())]
      host.seal(`sparse-${ownerId}`, spans, ownerId)
    }
    return host
  }

  it('replaces a mostly dead segment by its wanted records, and then does no more', async () => {
    const host = sparse()
    const { owner, counted, storage, logged } = host
    await host.pass(SOON)
    expect(owner.calls).toEqual(['replace sparse-0 by sparse-0-1'])
    expect(storage.compactions[0]).toMatchObject({
      sources: ['sparse-0'],
      shards: [{ slot: 1, trimHorizon: 0 }],
      bytesPerSecond: 1000,
    })
    expect(counted.sums('millrace_compactions_total')).toEqual({ done: 1 })
    expect(counted.sum('millrace_removed_bytes_total')).toBe(450)
    expect(messages(logged)).toEqual(['a compaction starts', 'a compaction is done'])
    for (let i = 0; i < 5; i++) await host.pass(LOOK)
    expect(owner.calls).toHaveLength(1)
  })

  it('runs one at a time over all owners, and logs its progress', async () => {
    const host = sparse(2)
    const { storage, maintenance, logged } = host
    const ends: (() => void)[] = []
    storage.beforeEnd = ({ progress }) => {
      Atomics.store(new Int32Array(progress), 2, 1)
      return new Promise((resolve) => ends.push(resolve))
    }
    await host.pass(SOON)
    await host.pass(3 * LOOK)
    expect(storage.compactions).toHaveLength(1)
    expect(messages(logged).filter((msg) => msg === 'a compaction goes on')).toHaveLength(3)
    expect(maintenance.compaction).toMatchObject({ bytesWritten: 1024, part: 1 })
    ends.shift()!()
    await rest()
    expect(maintenance.compaction).toMatchObject({ bytesWritten: 1024, part: 0 })
    await host.pass(SOON)
    expect(storage.compactions).toHaveLength(2)
    ends.shift()!()
    await rest()
    expect(host.owners.flatMap(({ calls }) => calls)).toHaveLength(2)
  })

  it('keeps its sources when the owner refuses the replacement, and tries again later each time', async () => {
    const host = sparse()
    const { owner, storage, counted, broken } = host
    owner.failures.set('replaceSegments', new MillraceError('invalidArgument', 'not what was meant'))
    await host.pass(SOON)
    expect(owner.names).toEqual(['sparse-0', 'active-1'])
    expect(counted.sums('millrace_compactions_total')).toEqual({ invalidArgument: 1 })
    for (let i = 0; i < 6; i++) await host.pass(LOOK)
    expect(storage.compactions).toHaveLength(3)
    owner.failures.clear()
    for (let i = 0; i < 6; i++) await host.pass(LOOK)
    expect(owner.names).toEqual(['sparse-0-1', 'active-1'])
    expect(broken).toEqual([])
  })

  it('waits before it tries a damaged source again, and compacts others meanwhile', async () => {
    const host = sparse(2)
    const { storage, owners, counted } = host
    storage.beforeEnd = ({ ownerId }) =>
      ownerId === 0 ? Promise.reject(new MillraceError('corruptData', 'a test')) : Promise.resolve()
    for (let i = 0; i < 3; i++) await host.pass(LOOK)
    expect(owners[0]!.names).toEqual(['sparse-0', 'active-1'])
    expect(owners[1]!.names).toEqual(['sparse-1-1', 'active-1'])
    expect(counted.sum('millrace_compactions_total', 'corruptData')).toBeLessThanOrEqual(2)
  })

  it('waits as a whole when the disk is full; removal goes on', async () => {
    const host = sparse(2)
    const { storage, owner, time } = host
    storage.beforeEnd = () => Promise.reject(new MillraceError('storageFull', 'a test'))
    await host.pass(SOON)
    host.seal('dead', [span(9, 450, 600, time.now())])
    await host.pass(SOON)
    expect(storage.compactions).toHaveLength(1)
    expect(owner.calls).toEqual(['drop dead'])
  })

  it('takes only what fits into a part of the floor, while free space is below it', async () => {
    const host = startMaintained()
    const { owner, time, storage } = host
    owner.storageFull = true
    host.serve(1, 500)
    host.serve(2, 500)
    host.seal('large', [span(1, 0, 300, time.now()), span(9, 0, 700, time.now())])
    host.seal('small', [span(2, 0, 80, time.now()), span(9, 700, 1400, time.now())])
    await host.pass(SOON)
    expect(storage.compactions.map(({ sources }) => sources)).toEqual([['small']])
  })

  it('keeps its sources from being dropped while it runs, even if nothing in them is wanted', async () => {
    const host = sparse()
    const { owner, storage } = host
    let end: () => void = () => {}
    storage.beforeEnd = () => new Promise((resolve) => (end = resolve))
    await host.pass(SOON)
    owner.horizons.delete(1)
    await host.pass(LOOK)
    expect(owner.calls).toEqual([])
    end()
    await host.pass(SOON)
    await host.pass(LOOK)
    expect(owner.calls).toEqual(['replace sparse-0 by sparse-0-1', 'drop sparse-0-1'])
  })
})

describe('the end of maintenance', () => {
  it('stops a compaction, waits for it, and leaves no work behind', async () => {
    const host = startMaintained()
    const { owner, storage, maintenance, counted, time } = host
    host.serve(1, 500)
    host.seal('sparse', [span(1, 0, 50, time.now()), span(9, 0, 450, time.now())])
    let end: () => void = () => {}
    storage.beforeEnd = () => new Promise((resolve) => (end = resolve))
    await host.pass(SOON)
    let isClosed = false
    const closing = maintenance.close().then(() => (isClosed = true))
    await rest()
    expect(isClosed).toBe(false)
    end()
    await closing
    expect(counted.sums('millrace_compactions_total')).toEqual({ stopped: 1 })
    expect(storage.closed).toBe(true)
    expect(time.timerCount).toBe(0)
    maintenance.segmentsChanged(0, owner.segments)
    await host.pass(2 * LOOK)
    expect(owner.calls).toEqual([])
    expect(storage.compactions).toHaveLength(1)
  })

  it('comes at once if nothing was started', async () => {
    const { maintenance, time } = startMaintained()
    await maintenance.close()
    expect(time.timerCount).toBe(0)
  })
})

it('maintenance: breaks the host for a broken invariant, and for no other error', async () => {
  const host = startMaintained()
  host.owner.failures.set('wanted', new Error('a test'))
  await host.pass(LOOK)
  expect(host.broken).toEqual([])
  host.owner.failures.set('wanted', new InvariantError('a test'))
  for (let i = 0; i < 3; i++) await host.pass(LOOK)
  expect(host.broken).toHaveLength(1)
})
