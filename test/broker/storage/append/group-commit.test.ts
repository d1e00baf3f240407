// The queue before the disk: one commit at a time, in order of arrival, each up to a bound.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GroupCommit } from '../../../../broker/storage/append/group-commit.ts'

interface Item {
  readonly bytes: number
  readonly id: number
}

/** A queue whose commits end when the test says so. */
function slowQueue(bytesMax: number) {
  const commits: Item[][] = []
  const ends: (() => void)[] = []
  const queue = new GroupCommit<Item>({
    bytesMax,
    run: (items) => {
      commits.push(items)
      return new Promise((resolve) => {
        ends.push(resolve)
      })
    },
  })
  const turn = () =>
    new Promise((resolve) => {
      setImmediate(resolve)
    })
  return { queue, commits, endCommit: () => ends.shift()?.(), turn }
}

describe('GroupCommit', () => {
  test('takes all items of a turn into one commit, and later ones into the next', async () => {
    const { queue, commits, endCommit, turn } = slowQueue(1000)
    queue.push({ bytes: 1, id: 1 })
    queue.push({ bytes: 1, id: 2 })
    await turn()
    for (const id of [3, 4, 5]) queue.push({ bytes: 1, id })
    await turn()
    expect(commits.map((items) => items.map(({ id }) => id))).toEqual([[1, 2]])
    expect(queue.waitingBytes).toBe(3)
    endCommit()
    await turn()
    expect(commits[1]!.map(({ id }) => id)).toEqual([3, 4, 5])
    endCommit()
    await queue.idle()
    expect(queue.waitingBytes).toBe(0)
  })

  test('returns the waiting items to a caller that takes them', async () => {
    const { queue, commits, endCommit, turn } = slowQueue(1000)
    queue.push({ bytes: 1, id: 1 })
    await turn()
    queue.push({ bytes: 1, id: 2 })
    expect(queue.takeWaiting().map(({ id }) => id)).toEqual([2])
    endCommit()
    await queue.idle()
    expect(commits).toHaveLength(1)
  })

  test('keeps the order, loses nothing, and exceeds the bound only for a single item', async () => {
    const items = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 50 }), wait: fc.boolean() }))
    await fc.assert(
      fc.asyncProperty(items, async (pushes) => {
        const commits: Item[][] = []
        const queue = new GroupCommit<Item>({
          bytesMax: 60,
          run: async (taken) => {
            commits.push(taken)
            await Promise.resolve()
          },
        })
        for (const [id, { bytes, wait }] of pushes.entries()) {
          queue.push({ bytes, id })
          if (wait) await Promise.resolve()
        }
        await queue.idle()
        expect(commits.flat().map(({ id }) => id)).toEqual(pushes.map((_, id) => id))
        for (const commit of commits) {
          expect(commit.length === 1 || commit.reduce((sum, { bytes }) => sum + bytes, 0) <= 60).toBe(true)
        }
      }),
    )
  })
})
