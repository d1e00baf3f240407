// Reads while segments change: a read is repeated exactly if a new list may be the reason why it failed.
import { expect, it } from 'vitest'
import { withSegments } from '../../../../broker/host/shards/with-segments.ts'
import type { SegmentList } from '../../../../broker/threads/owner-contract.ts'

const listOf = (...segments: string[]): SegmentList => ({ directory: 'owner-0', segments })

/** Reads with a list that begins as segment 1; `read` gets the list, and may change it. */
async function reading(
  read: (current: SegmentList, change: (to: SegmentList) => void) => Promise<string>,
  good?: (answer: string) => boolean,
) {
  let list = listOf('1')
  let attempts = 0
  const attempt = (): Promise<string> => {
    attempts++
    return read(list, (to) => (list = to))
  }
  const answer = await withSegments({ segmentsOf: () => list }, 0, attempt, good).catch(String)
  return { answer, attempts }
}

it('withSegments: repeats a failed read if the list has changed, and only then', async () => {
  const failing = await reading(() => Promise.reject(new Error('gone')))
  expect(failing).toEqual({ answer: 'Error: gone', attempts: 1 })
  const changing = await reading((current, change) => {
    if (current.segments[0] === '2') return Promise.resolve('read')
    change(listOf('2'))
    return Promise.reject(new Error('gone'))
  })
  expect(changing).toEqual({ answer: 'read', attempts: 2 })
})

it('withSegments: repeats a read whose answer is not good if the list has changed, and only then', async () => {
  const isGood = (answer: string): boolean => answer !== 'nothing'
  const same = await reading(() => Promise.resolve('nothing'), isGood)
  expect(same).toEqual({ answer: 'nothing', attempts: 1 })
  const changed = await reading((_, change) => {
    change(listOf('2', '3'))
    return Promise.resolve('nothing')
  }, isGood)
  expect(changed).toEqual({ answer: 'nothing', attempts: 2 })
})

it('withSegments: waits for a list that comes in after the failure that it explains', async () => {
  const late = await reading((current, change) => {
    if (current.segments[0] === '2') return Promise.resolve('read')
    // Owner and reader answer on different ports, so the order of their messages says nothing.
    setImmediate(() => change(listOf('2')))
    return Promise.reject(new Error('gone'))
  })
  expect(late).toEqual({ answer: 'read', attempts: 2 })
})
