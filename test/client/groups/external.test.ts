// Checkpoints that the application keeps: what `loadCheckpoint` gives is where a lease begins, or is refused by name.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GroupOptions } from '../../../client/index.ts'
import { fakeTime, pass } from '../support/drive.ts'
import { fill } from '../support/fill.ts'
import { GroupTest, type Member } from './support/members.ts'

type Load = NonNullable<GroupOptions['loadCheckpoint']>

let restoreTime: () => void
let test: GroupTest
beforeEach(() => {
  restoreTime = fakeTime()
  test = new GroupTest({ shards: 1 })
})
afterEach(async () => {
  await test.end()
  restoreTime()
})

const failuresOf = ({ events }: Member) => events.filter((event) => event.type === 'loadFailed')
const reportOf = () => test.groups.reports.findLast(({ shardIndex }) => shardIndex === 0)

describe.each(['pull', 'push'] as const)('loadCheckpoint (%s)', (mode) => {
  const join = (loadCheckpoint: Load) => test.join({ mode, checkpoint: 'external', loadCheckpoint })

  it('gives the position at which a lease begins', async () => {
    fill(test.broker, 0, [4])
    const member = await join(() => 2n)
    await test.until(() => member.handled.length === 2)
    expect(member.handled).toEqual(['0:2', '0:3'])
    expect(failuresOf(member)).toEqual([])
  })

  it('with a position beyond the tail of an open shard is refused, and skips nothing when records come', async () => {
    fill(test.broker, 0, [4])
    let position = 7
    const member = await join(() => position)
    await test.until(() => failuresOf(member).length >= 2)
    fill(test.broker, 0, [1])
    await pass(1000, 10)
    expect(member.handled).toEqual([])
    expect(failuresOf(member)[0]).toMatchObject({
      shardId: 'shardId-000000000000',
      error: {
        code: 'invalidCheckpoint',
        message: expect.stringMatching(/^loadCheckpoint gave 7 for shardId-000000000000/) as string,
      },
    })
    await test.until(() => reportOf()?.state === 'blocked')
    expect(reportOf()?.detail).toMatch(/loadCheckpoint gave 7/)
    position = 4
    await test.until(() => member.handled.length === 1)
    expect(member.handled).toEqual(['0:4'])
    await test.until(() => reportOf()?.state !== 'blocked')
  })

  it('that does not return is told of as what the shard stands still for, until it does', async () => {
    fill(test.broker, 0, [4])
    let give: (position: number) => void = () => {}
    const member = await join(() => new Promise((resolve) => (give = resolve)))
    await test.until(() => reportOf()?.state === 'blocked')
    expect(reportOf()?.detail).toBe('loadCheckpoint has not returned yet')
    expect(member.handled).toEqual([])
    give(2)
    await test.until(() => member.handled.length === 2)
    await test.until(() => reportOf()?.state !== 'blocked')
  })

  it('with a position beyond the end of a closed shard is refused, and holds its children back', async () => {
    fill(test.broker, 0, [4])
    test.broker.split(0)
    const member = await join(({ shardId }) => (shardId.endsWith('0') ? 9 : undefined))
    await test.until(() => failuresOf(member).length >= 2)
    fill(test.broker, 1, [1])
    await pass(1000, 10)
    expect(failuresOf(member)[0]).toMatchObject({ error: { code: 'invalidCheckpoint' } })
    await test.until(() => reportOf()?.state === 'blocked')
    expect(member.handled).toEqual([])
    expect(test.groups.stored).toEqual([])
  })

  it('with the end of a closed shard leads on to its children', async () => {
    fill(test.broker, 0, [4])
    test.broker.split(0)
    const expected = fill(test.broker, 1, [2])
    const member = await join(({ shardId }) => (shardId.endsWith('0') ? 4 : undefined))
    await test.until(() => member.handled.length === 2)
    expect(member.handled).toEqual(expected)
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['text', '2'],
    ['a fraction', 1.5],
    ['a negative number', -1n],
    ['a number that is too large', 2n ** 60n],
  ])('with %s is refused', async (_, position) => {
    fill(test.broker, 0, [4])
    const member = await join(() => position as number)
    await test.until(() => failuresOf(member).length >= 1)
    expect(failuresOf(member)[0]).toMatchObject({ error: { code: 'invalidCheckpoint' } })
    expect(member.handled).toEqual([])
  })

  it('that throws is called again, and reports say that it is what fails', async () => {
    fill(test.broker, 0, [2])
    const failure = new Error('the database is down')
    let isDown = true
    const member = await join(() => {
      if (isDown) throw failure
      return 1
    })
    await test.until(() => failuresOf(member).length >= 2 && reportOf()?.state === 'retrying')
    expect(failuresOf(member).every(({ error }) => error === failure)).toBe(true)
    expect(reportOf()).toMatchObject({ detail: 'loadCheckpoint failed: the database is down' })
    isDown = false
    await test.until(() => member.handled.length === 1)
    expect(member.handled).toEqual(['0:1'])
    await test.until(() => reportOf()?.state !== 'retrying')
  })
})
