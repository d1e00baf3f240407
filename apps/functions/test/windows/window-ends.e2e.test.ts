// How tumbling windows end before their time: by a state that is too large, and by a shard that is split in their middle.
import { expect, it } from 'vitest'
import type { TestFunction } from '../support/small-app.ts'
import { dataOf, putNumbers as put, smallApp } from '../support/small-app.ts'

const MEBIBYTE = 1024 * 1024
const QUARTER_HOUR_MS = 900_000

/** A call as the tests compare it. */
interface Call {
  readonly shardId: string
  readonly start: string
  readonly numbers: readonly number[]
  /** Records that the state knows of. */
  readonly counted: number
  readonly isFinal: boolean
  readonly isEarly: boolean
}

/** Notes its calls, and counts in its state; `more` makes the state larger. */
function counting(more: (numbers: readonly number[]) => object = () => ({})) {
  const calls: Call[] = []
  const run: TestFunction = ({ Records, state, window, shardId, ...flags }) => {
    const { count: counted = 0 } = state as { count?: number }
    const numbers = Records.map((record) => Number(dataOf(record)))
    calls.push({
      shardId: shardId!,
      start: window!.start,
      numbers,
      counted,
      isFinal: flags.isFinalInvokeForWindow!,
      isEarly: flags.isWindowTerminatedEarly!,
    })
    return { state: { count: counted + numbers.length, ...more(numbers) } }
  }
  return { calls, run }
}

it('a state above 1 MB ends its window early, as Lambda does; up to there it does not', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const sizes = new Map([
    [1, MEBIBYTE - 100],
    [3, MEBIBYTE + 1],
  ])
  const { calls, run } = counting(([first = -1]) => ({ text: 'x'.repeat(sizes.get(first) ?? 0) }))
  await app.create('grows', run, {
    source: { stream: 'clicks' },
    tumblingWindowMs: QUARTER_HOUR_MS,
    batchSize: 1,
  })
  await put(app, 'clicks', 0, 6, 1)
  await app.start()
  await expect.poll(() => calls.flatMap(({ numbers }) => numbers)).toEqual([0, 1, 2, 3, 4, 5])
  // A quarter of an hour may have begun in the middle.
  const early = calls.filter(({ isEarly }) => isEarly)
  expect(early).toMatchObject([{ isFinal: true, numbers: [] }])
  const at = calls.indexOf(early[0]!)
  expect(calls[at - 1]!.numbers).toEqual([3])
  expect(early[0]!.counted).toBe(calls[at - 1]!.counted + 1)
  expect(early[0]!.start).toBe(calls[at - 1]!.start)
  expect(calls[at + 1]).toMatchObject({ numbers: [4], counted: 0, isFinal: false })
  expect(app.warnings).toEqual([])
})

it('a split in the middle of a window closes it with all that its shard had, before the children begin with empty states', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const { calls, run } = counting()
  await app.create('counts', run, {
    source: { stream: 'clicks' },
    tumblingWindowMs: QUARTER_HOUR_MS,
    batchSize: 5,
  })
  await app.start()
  await put(app, 'clicks', 0, 12, 12)
  await expect.poll(() => calls.flatMap(({ numbers }) => numbers)).toHaveLength(12)
  await app.client.splitShard('clicks', '0')
  await put(app, 'clicks', 12, 12, 12)
  await expect.poll(() => calls.flatMap(({ numbers }) => numbers)).toHaveLength(24)
  const [parent] = calls.map(({ shardId }) => shardId)
  const last = calls.findLastIndex(({ shardId }) => shardId === parent)
  const ofParent = calls.slice(0, last + 1)
  expect(ofParent.every(({ shardId }) => shardId === parent)).toBe(true)
  expect(ofParent.at(-1)).toMatchObject({ isFinal: true, isEarly: false, numbers: [] })
  const finals = ofParent.filter(({ isFinal }) => isFinal)
  expect(finals.reduce((sum, { counted }) => sum + counted, 0)).toBe(12)
  const children = calls.slice(last + 1)
  for (const child of new Set(children.map(({ shardId }) => shardId)))
    expect(children.find(({ shardId }) => shardId === child)).toMatchObject({ counted: 0, isFinal: false })
  expect(new Set(children.map(({ shardId }) => shardId)).size).toBe(2)
})
