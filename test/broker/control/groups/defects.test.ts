// A group that meets a defect: what has it is refused, everything else goes on, and no restart of the broker is needed.
import { describe, expect, it } from 'vitest'
import type { GroupAnswer } from '../../../../broker/control/groups/machine/messages.ts'
import type { FactsOf } from '../../../../broker/control/groups/machine/state.ts'
import type { SmallRowsStore } from '../../../../broker/small-rows-contract.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'
import { GroupsOnRows } from './support/groups-on-rows.ts'

const claim = { memberId: 'a', secretHash: 'a' }

const codeOf = (error: unknown): string => (MillraceError.is(error) ? error.code : String(error))

/** Groups that meet a defect wherever they ask for a stream that is said to be bad, and at every change while the store is. */
function defective(): { on: GroupsOnRows; bad: Set<string>; store: { isBad: boolean } } {
  const rows = new MemorySmallRows().open()
  const bad = new Set<string>()
  const store = { isBad: false }
  const given: SmallRowsStore = {
    get version() {
      return rows.version
    },
    get: (family, key) => rows.get(family, key),
    list: (family, page) => rows.list(family, page),
    extents: (family) => rows.extents(family),
    change: (writes) => (store.isBad ? Promise.reject(new Error('a defect')) : rows.change(writes)),
    close: () => rows.close(),
  }
  const on = new GroupsOnRows(given, { shardCount: 4 })
  const { factsOf } = on.groups
  ;(on.groups as { factsOf: FactsOf }).factsOf = (name) => {
    if (bad.has(name)) throw new Error('a defect')
    return factsOf(name)
  }
  return { on, bad, store }
}

async function epochs(on: GroupsOnRows): Promise<readonly (number | undefined)[]> {
  return Promise.all([0, 1, 2, 3].map(async (shardIndex) => (await on.lease('g', shardIndex))?.epoch))
}

const joinBad = (on: GroupsOnRows): Promise<GroupAnswer> => {
  const streams = [{ name: 'bad', from: { type: 'TRIM_HORIZON' as const, timestamp: undefined } }]
  const who = { memberId: 'b', secretHash: 'b', leaseMs: 10_000, address: '', life: undefined }
  return on.tell('g', { type: 'join', ...who, streams, pins: new Map() })
}

describe('a defect', () => {
  it('of one message is refused as internal, and harms none of those that came with it', async () => {
    const { on, bad } = defective()
    bad.add('bad')
    await on.join('g', 'a')
    await on.assigned('g')
    const before = await epochs(on)
    const told = [
      on.save('g', 'a', 0, 10),
      joinBad(on).catch(codeOf),
      on.save('g', 'a', 1, 11),
      on.join('g', 'c'),
    ]
    expect(await Promise.all(told)).toEqual([
      undefined,
      'internal',
      undefined,
      { is: 'joined', life: expect.any(Number) },
    ])
    expect(await epochs(on)).toEqual(before)
    expect([(await on.lease('g', 0))!.next, (await on.lease('g', 1))!.next]).toEqual([10, 11])
    on.groups.stop()
  })

  it('of the whole group ends with its cause: no lease, no checkpoint and no restart is lost to it', async () => {
    const { on, bad } = defective()
    await on.join('g', 'a')
    await on.assigned('g')
    const before = await epochs(on)
    expect(await on.save('g', 'a', 2, 7)).toBeUndefined()
    bad.add('s')
    on.catalog.state = { ...on.catalog.state }
    for (let round = 0; round < 3; round++) {
      const told = [
        on.tell('g', { type: 'renew', ...claim }),
        on.tell('g', { type: 'pause', isPaused: true }),
      ]
      expect(await Promise.all(told.map((each) => each.catch(codeOf)))).toEqual(['internal', 'internal'])
      await on.time.advance(5_000)
    }
    bad.clear()
    await on.time.advance(2_000)
    expect(await on.tell('g', { type: 'renew', ...claim })).toEqual({ is: 'done' })
    expect(await epochs(on)).toEqual(before)
    expect((await on.lease('g', 2))!.next).toBe(7)
    // It looks after its members again, too.
    await on.time.advance(11_000)
    expect((await on.groups.stateOf('g'))!.members.size).toBe(0)
    on.groups.stop()
  })

  it('of what is to be stored leaves the group as the disk has it', async () => {
    const { on, store } = defective()
    await on.join('g', 'a')
    await on.assigned('g')
    store.isBad = true
    expect(await on.save('g', 'a', 0, 9).catch(codeOf)).toBe('internal')
    expect(await on.tell('g', { type: 'renew', ...claim })).toEqual({ is: 'done' })
    store.isBad = false
    expect((await on.lease('g', 0))!.next).toBeUndefined()
    expect(await on.save('g', 'a', 0, 9)).toBeUndefined()
    expect((await on.lease('g', 0))!.next).toBe(9)
    on.groups.stop()
  })

  it('of reading a group is told to whoever asks, and the group is read when the next one does', async () => {
    const rows = new MemorySmallRows()
    const first = new GroupsOnRows(rows.open(), { shardCount: 4 })
    await first.join('g', 'a')
    await first.assigned('g')
    first.groups.stop()
    const store = rows.open()
    let isBad = true
    const list: SmallRowsStore['list'] = (family, page) => {
      if (isBad) throw new Error('a defect')
      return store.list(family, page)
    }
    const change: SmallRowsStore['change'] = (writes) => store.change(writes)
    const get: SmallRowsStore['get'] = (family, key) => store.get(family, key)
    const extents: SmallRowsStore['extents'] = (family) => store.extents(family)
    const given = { version: store.version, list, change, get, extents, close: () => store.close() }
    const on = new GroupsOnRows(given, { shardCount: 4 })
    expect(await on.tell('g', { type: 'renew', ...claim }).catch(codeOf)).toBe('internal')
    expect(on.groups.has('g')).toBe(true)
    isBad = false
    expect(await on.tell('g', { type: 'renew', ...claim })).toEqual({ is: 'done' })
    on.groups.stop()
  })
})
