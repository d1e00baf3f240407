// Windows on a broker, and copies of the app that die: what was kept goes on, and nothing is counted or stored twice.
import { expect, it } from 'vitest'
import { deleteMapping, getMapping } from '../../src/definitions/index.ts'
import { dataOf, numbersOf, putNumbers as put, smallApp, storedIn } from '../support/small-app.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

it('windows gather a state, which survives a restart, and end with their last call; a shard that ends closes its window', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const finals: { count: number; isEarly: boolean }[] = []
  let calls = 0
  await app.create(
    'counts',
    ({ Records, state, isFinalInvokeForWindow, isWindowTerminatedEarly }) => {
      calls += Records.length
      const count = ((state as { count?: number }).count ?? 0) + Records.length
      if (isFinalInvokeForWindow === true) finals.push({ count, isEarly: isWindowTerminatedEarly! })
      return { state: { count } }
    },
    { source: { stream: 'clicks' }, tumblingWindowMs: 900_000, batchSize: 3 },
  )
  const first = await app.start()
  await put(app, 'clicks', 0, 10)
  await expect.poll(() => calls).toBe(10)
  await first.close()
  await app.start()
  await put(app, 'clicks', 10, 5)
  await app.client.splitShard('clicks', '0')
  await expect.poll(() => finals).not.toEqual([])
  // A quarter of an hour may have begun meanwhile.
  await expect.poll(() => finals.reduce((sum, { count }) => sum + count, 0)).toBe(15)
  expect(calls).toBe(15)
})

it('a state of a window that is larger than a document survives a restart', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const states: number[] = []
  const uuid = await app.create(
    'large',
    ({ Records, state }) => {
      const text = (state as { text?: string }).text ?? ''
      states.push(text.length)
      return { state: { text: text + 'x'.repeat(400_000 * Math.min(Records.length, 1)) } }
    },
    { source: { stream: 'clicks' }, tumblingWindowMs: 900_000 },
  )
  const first = await app.start()
  await put(app, 'clicks', 0, 1)
  await expect.poll(() => states).toEqual([0])
  await first.close()
  await app.start()
  await put(app, 'clicks', 1, 1)
  await expect.poll(() => states.at(-1)).toBeGreaterThanOrEqual(0)
  await expect.poll(() => states.length).toBeGreaterThan(1)
  const isNewWindow = states[1] === 0
  expect(isNewWindow || states[1] === 400_000).toBe(true)
  await deleteMapping({ client: app.client, now: Date.now }, uuid)
  await expect
    .poll(() => getMapping(app.client, uuid).catch(({ code }: { code: string }) => code))
    .toBe('missing')
  const left: string[] = []
  for await (const { name } of app.client.documents('event-source-progress').list()) left.push(name)
  expect(left).toEqual([])
})

it('copies of the app that die under way: every record once in the output, in the order of its key', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks', { shards: 2 })
  await app.client.createStream('copied', { shards: 2 })
  let calls = 0
  const deaths = [new AbortController(), new AbortController()]
  await app.create(
    'copy',
    ({ Records }) => {
      calls++
      // In the middle of a call, while the answers of others are being stored.
      if (calls === 20) deaths[0]!.abort()
      if (calls === 60) deaths[1]!.abort()
      return Records.map(dataOf)
    },
    { source: { stream: 'clicks' }, to: { stream: 'copied' }, batchSize: 10, parallelizationFactor: 2 },
  )
  await put(app, 'clicks', 0, 1000, 10)
  await app.start(deaths[0]!.signal)
  await expect.poll(() => deaths[0]!.signal.aborted).toBe(true)
  await app.start(deaths[1]!.signal)
  await expect.poll(() => deaths[1]!.signal.aborted).toBe(true)
  await app.start()
  await expect
    .poll(async () => numbersOf(await storedIn(app.client, 'copied')).length)
    .toBeGreaterThanOrEqual(1000)
  const stored = await storedIn(app.client, 'copied')
  expect(numbersOf(stored)).toEqual(upTo(1000))
  for (const texts of stored.values()) {
    expect(texts.map(Number)).toEqual(texts.map(Number).toSorted((a, b) => a - b))
  }
})

it('a window is closed by the clock, though no record comes any more', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const finals: number[] = []
  await app.create(
    'counts',
    ({ Records, state, isFinalInvokeForWindow }) => {
      const count = ((state as { count?: number }).count ?? 0) + Records.length
      if (isFinalInvokeForWindow === true) finals.push(count)
      return { state: { count } }
    },
    { source: { stream: 'clicks' }, tumblingWindowMs: 1000 },
  )
  await app.start()
  await put(app, 'clicks', 0, 5)
  await expect.poll(() => finals.reduce((sum, count) => sum + count, 0)).toBe(5)
})
