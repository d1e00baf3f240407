// Promises of a group at work, whatever comes in between: everything that it is told is answered, in order.
import { describe, expect, it } from 'vitest'
import { refusal } from '../../../../protocol/refusal.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'
import { settled } from '../support/fake-time.ts'
import { GroupsOnRows } from './support/groups-on-rows.ts'

const claim = { memberId: 'a', secretHash: 'a' }

describe('a group', () => {
  it('answers what it is told in the moment in which an answer comes, at every step after it', async () => {
    const rows = new MemorySmallRows()
    const on = new GroupsOnRows(rows.open(), { shardCount: 2 })
    await on.join('g', 'a')
    for (let steps = 0; steps < 12; steps++) {
      await on.tell('g', { type: 'pause', isPaused: steps % 2 === 0 })
      for (let step = 0; step < steps; step++) await Promise.resolve()
      expect(await on.tell('g', { type: 'renew', ...claim })).toEqual({ is: 'done' })
    }
    on.groups.stop()
  })

  it('takes what comes during a flush into the next one', async () => {
    const rows = new MemorySmallRows()
    const on = new GroupsOnRows(rows.open(), { shardCount: 3 })
    await on.join('g', 'a')
    await on.assigned('g')
    let flush = (): void => {}
    const flushing = new Promise<void>((resolve) => {
      flush = resolve
    })
    let flushes = 0
    rows.beforeFlush = () => (++flushes === 1 ? flushing : Promise.resolve())
    const saves = [0, 1, 2, 0].map((shardIndex, place) => on.save('g', 'a', shardIndex, 10 + place))
    await settled()
    expect(flushes).toBe(1)
    flush()
    expect(await Promise.all(saves)).toEqual([undefined, undefined, undefined, undefined])
    expect(flushes).toBe(2)
    expect((await on.lease('g', 0))!.next).toBe(13)
    on.groups.stop()
  })

  it('sees a change of the catalog that came during a flush', async () => {
    const rows = new MemorySmallRows()
    const on = new GroupsOnRows(rows.open(), { shardCount: 2 })
    await on.join('g', 'a')
    await on.assigned('g')
    let flush = (): void => {}
    rows.beforeFlush = () =>
      new Promise<void>((resolve) => {
        flush = resolve
      })
    const paused = on.tell('g', { type: 'pause', isPaused: true })
    on.catalog.state = new GroupsOnRows(new MemorySmallRows().open(), { shardCount: 5 }).catalog.state
    await on.time.advance(250)
    rows.beforeFlush = () => Promise.resolve()
    flush()
    await paused
    await on.time.advance(250)
    await settled()
    expect((await on.groups.stateOf('g'))!.streams.get('s')!.shardsBelow).toBe(5)
    on.groups.stop()
  })

  it('renews no lease that has ended while a flush is under way, and each that has not', async () => {
    const rows = new MemorySmallRows()
    const on = new GroupsOnRows(rows.open(), { shardCount: 1 })
    const b = { memberId: 'b', secretHash: 'b' }
    await on.join('g', 'a')
    await on.join('g', 'b')
    await on.assigned('g')
    let flush = (): void => {}
    const flushing = new Promise<void>((resolve) => {
      flush = resolve
    })
    rows.beforeFlush = () => flushing
    const paused = on.tell('g', { type: 'pause', isPaused: true })
    for (let ms = 0; ms < 20_000; ms += 5_000) {
      await on.time.advance(5_000)
      expect(await on.tell('g', { type: 'renew', ...b })).toEqual({ is: 'done' })
    }
    const late = on.tell('g', { type: 'renew', ...claim })
    flush()
    expect(await paused).toEqual({ is: 'done' })
    expect(await late).toMatchObject({ is: 'refused', code: 'memberNotFound' })
    expect(await on.tell('g', { type: 'renew', ...b })).toEqual({ is: 'done' })
    on.groups.stop()
  })

  it('refuses everything once the broker stops', async () => {
    const on = new GroupsOnRows(new MemorySmallRows().open(), { shardCount: 1 })
    await on.join('g', 'a')
    on.groups.stop()
    await expect(on.tell('g', { type: 'renew', ...claim })).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('answers that the outcome is unknown where a flush fails, and nothing more after it', async () => {
    const rows = new MemorySmallRows()
    const store = rows.open()
    const broken = refusal('outcomeUnknown', 'the flush failed')
    let isBroken = false
    const on = new GroupsOnRows(
      {
        get version() {
          return store.version
        },
        get: (family, key) => store.get(family, key),
        list: (family, page) => store.list(family, page),
        extents: (family) => store.extents(family),
        change: (writes) => (isBroken ? Promise.reject(broken) : store.change(writes)),
        close: () => store.close(),
      },
      { shardCount: 1 },
    )
    await on.join('g', 'a')
    isBroken = true
    const [first, second] = [
      on.tell('g', { type: 'pause', isPaused: true }),
      on.tell('g', { type: 'leave', ...claim }),
    ]
    await expect(first).rejects.toBe(broken)
    await expect(second).rejects.toBe(broken)
    await expect(on.tell('g', { type: 'renew', ...claim })).rejects.toBe(broken)
    on.groups.stop()
  })
})
