// Promises of reads among segments that come and go: a read is made again exactly where a new list may be why it failed.
import { expect, it } from 'vitest'
import { withSegments } from '../../../../broker/host/shards/with-segments.ts'
import type { SegmentList } from '../../../../broker/threads/owner-contract.ts'

const listOf = (...segments: string[]): SegmentList => ({ directory: 'owner-0', segments })

/** Reads what begins as segment 1; `read` is told which lists hold, and may change them. */
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

it('a read that fails is made again where the list has changed, and only there', async () => {
  const failing = await reading(() => Promise.reject(new Error('gone')))
  expect(failing).toEqual({ answer: 'Error: gone', attempts: 1 })
  const changing = await reading((current, change) => {
    if (current.segments[0] === '2') return Promise.resolve('read')
    change(listOf('2'))
    return Promise.reject(new Error('gone'))
  })
  expect(changing).toEqual({ answer: 'read', attempts: 2 })
})

it('a read whose answer is not good is made again where the list has changed, and only there', async () => {
  const isGood = (answer: string): boolean => answer !== 'nothing'
  const same = await reading(() => Promise.resolve('nothing'), isGood)
  expect(same).toEqual({ answer: 'nothing', attempts: 1 })
  const changed = await reading((_, change) => {
    change(listOf('2', '3'))
    return Promise.resolve('nothing')
  }, isGood)
  expect(changed).toEqual({ answer: 'nothing', attempts: 2 })
})

it('a list that comes in behind the failure it explains is waited for', async () => {
  const late = await reading((current, change) => {
    if (current.segments[0] === '2') return Promise.resolve('read')
    // Owner and reader answer by ways of their own: which of two messages is taken first says nothing.
    setImmediate(() => change(listOf('2')))
    return Promise.reject(new Error('gone'))
  })
  expect(late).toEqual({ answer: 'read', attempts: 2 })
})
