// The life of a group: from its first member to its deletion. Members of one life do not begin another one.
import { describe, expect, it } from 'vitest'
import { settled } from '../support/fake-time.ts'
import { errorCodes } from '../../../../protocol/error-codes.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { split } from '../support/changing.ts'
import { GroupBroker } from './support/group-controller.ts'

const codeOf = (error: unknown): string => (MillraceError.is(error) ? error.code : String(error))
const lifeOf = async (joined: Promise<object>): Promise<number> => ((await joined) as { life: number }).life

describe('a group that is deleted although it has members', () => {
  it('is not made again by them, also after a restart of the broker', async () => {
    const broker = await GroupBroker.open(2)
    const a = broker.member('a')
    const life = await lifeOf(a.join())
    const waiting = a.ask('syncMember', { version: a.version, waitMs: 30_000, reports: [], released: [] })
    await waiting
    await broker.test.ask('deleteGroup', { group: 'g', isForced: true })
    expect(await a.outcome('syncMember', { version: 0, waitMs: 0, reports: [], released: [] })).toBe(
      'memberNotFound',
    )
    expect(await a.join(undefined, { life }).catch(codeOf)).toBe('groupNotFound')
    await broker.restart()
    expect(await a.join(undefined, { life }).catch(codeOf)).toBe('groupNotFound')
    expect(await broker.test.outcome('describeGroup', { group: 'g', limit: 1 })).toBe('groupNotFound')
  })

  it('is made again by others, which its members do not join', async () => {
    const broker = await GroupBroker.open(2)
    const [a, b] = [broker.member('a'), broker.member('b')]
    const life = await lifeOf(a.join())
    await broker.test.ask('deleteGroup', { group: 'g', isForced: true })
    expect(await lifeOf(b.join())).toBeGreaterThan(life)
    expect(await a.join(undefined, { life }).catch(codeOf)).toBe('groupNotFound')
    expect(await b.sync()).toHaveLength(2)
  })

  it('keeps its life through restarts, and lets members come back whose leases have ended', async () => {
    const broker = await GroupBroker.open(2)
    const a = broker.member('a')
    const life = await lifeOf(a.join())
    await broker.time.advance(60_000)
    await broker.restart()
    expect(await lifeOf(a.join(undefined, { life }))).toBe(life)
  })
})

describe('a member that waits for a change', () => {
  it('is answered whatever the moment is in which the change comes', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    await a.join()
    await a.sync()
    // The disk takes no turn of the event loop: changes lie as close to each other as they can.
    broker.smallRows.beforeFlush = () => Promise.resolve()
    let isPaused = false
    const pause = async (): Promise<void> => {
      isPaused = !isPaused
      await broker.test.ask('pauseGroup', { group: 'g', isPaused })
    }
    for (let steps = -40; steps < 40; steps++) {
      const { version } = a
      let answered: boolean | undefined
      const sync = async (): Promise<void> => {
        const answer = await a.ask('syncMember', { version, waitMs: 30_000, reports: [], released: [] })
        answered = answer.isPaused
        a.take(answer)
      }
      const [first, second] = steps < 0 ? [pause, sync] : [sync, pause]
      const asked = [first()]
      for (let step = 0; step < Math.abs(steps); step++) await Promise.resolve()
      asked.push(second())
      await settled()
      expect(answered, `after ${steps} steps`).toBe(isPaused)
      await Promise.all(asked)
    }
  })
})

describe('the end of a shard', () => {
  it('that is told again after a restart of the broker is the end that it was', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    await a.join()
    await a.sync()
    const [lease] = a.leases
    await broker.append(0, 10)
    await broker.test.ask('splitShard', split(0, '8'))
    expect(await a.save(0, 10, { isEnd: true })).toBe(0)
    await broker.restart()
    expect(await a.save(0, 10, { isEnd: true })).toBe(0)
    expect(await a.save(0, 9, { isEnd: true })).toBe(errorCodes.leaseLost.id)
    expect(await a.save(0, 10)).toBe(errorCodes.leaseLost.id)
    expect(await a.save(0, 10, { isEnd: true, epoch: lease!.epoch + 1_000 })).toBe(errorCodes.leaseLost.id)
    expect((await a.sync()).map((each) => each.split('@')[0])).toEqual(['1', '2'])
  })
})

describe('a shard whose handler was slow when its member said so', () => {
  it('is not called slow once a checkpoint says that the handler goes on', async () => {
    const broker = await GroupBroker.open(1)
    const a = broker.member('a')
    await a.join()
    await a.sync()
    await broker.append(0, 10)
    const behaviour = broker.hosts.behaviour(0)
    const backlog = { place: 0, records: 5, bytes: 1, oldestArrival: null }
    broker.hosts.behaviour = () => ({ ...behaviour, backlogs: () => ({ backlogs: [backlog] }) })
    await broker.restart()
    await a.sync()
    const rates = { recordsPerSecond: 0, bytesPerSecond: 0, sequenceNumber: undefined, detail: undefined }
    await a.sync({ reports: [{ ...a.leases[0]!, ...rates, state: 'handling', since: 1_500 } as never] })
    const reasonAfter = async (ms: number): Promise<string> => {
      await broker.time.advance(ms)
      await a.ask('renewMember', {})
      return (await broker.test.ask('describeGroup', { group: 'g', limit: 1 })).shards[0]!.reason
    }
    expect(await reasonAfter(1_000)).toBe('handlerSlow')
    expect(await a.save(0, 5)).toBe(0)
    expect(await reasonAfter(1_000)).toBe('reading')
    expect(await reasonAfter(1_500)).toBe('handlerSlow')
  })
})
