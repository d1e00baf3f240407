// Lines that are given as soon as they are written, without waiting for a poll: what the system tells is a hint, and polling the truth.
import { beforeEach, expect, it } from 'vitest'
import { MemoryDisk } from './support/memory-disk.ts'
import { ReadingAgent, TestClock, textsOf } from './support/reading-agent.ts'

const LOG = '/logs/app.log'
/** Longer than anything here waits but a poll. */
const SHORT_MS = 50

/** A clock on which no poll ever comes: who waits for it waits until it is aborted. */
class StandingClock extends TestClock {
  override readonly wait = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms <= SHORT_MS) this.ms += ms
    else await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
  }
}

let clock: TestClock
let disk: MemoryDisk
beforeEach(() => {
  clock = new StandingClock()
  disk = new MemoryDisk(() => clock.ms)
  disk.mkdir('/logs')
})

const agentWith = (settings: ConstructorParameters<typeof ReadingAgent>[2] = {}) =>
  new ReadingAgent(disk, clock, { watchesMax: 10, pollMsMin: 10_000, ...settings }).start()
const never = new AbortController().signal

async function nextTexts(agent: ReadingAgent): Promise<string[]> {
  for (;;) {
    const run = await agent.next()
    if (run !== undefined) return textsOf(run)
    await agent.files.idle(never)
  }
}

it('gives each line when it is written, though no poll comes', async () => {
  disk.append(LOG, 'one\n')
  const agent = await agentWith()
  expect(await nextTexts(agent)).toEqual(['one'])
  for (const line of ['two', 'three', 'four']) {
    const next = nextTexts(agent)
    disk.append(LOG, `${line}\n`)
    expect(await next).toEqual([line])
  }
})

it('gives a line of which the end is written later than its beginning', async () => {
  disk.append(LOG, 'one\n')
  const agent = await agentWith()
  expect(await nextTexts(agent)).toEqual(['one'])
  const next = nextTexts(agent)
  disk.append(LOG, 'tw')
  await agent.files.idle(never)
  disk.append(LOG, 'o\n')
  expect(await next).toEqual(['two'])
})

it('misses nothing that is written just before a file is watched', async () => {
  disk.append(LOG, 'one\n')
  const agent = await agentWith()
  expect(await nextTexts(agent)).toEqual(['one'])
  disk.onWatch = (path) => {
    disk.onWatch = () => {}
    disk.append(path, 'two\n')
  }
  expect(await nextTexts(agent)).toEqual(['two'])
})

it('reads on by polling where the system gives no watch', async () => {
  clock = new TestClock()
  disk.hasWatches = false
  disk.append(LOG, 'one\n')
  const agent = await agentWith()
  expect(await nextTexts(agent)).toEqual(['one'])
  disk.append(LOG, 'two\n')
  expect(await nextTexts(agent)).toEqual(['two'])
})

it('watches a bounded number of files, those that were read last, and none when it is closed', async () => {
  clock = new TestClock()
  for (let index = 0; index < 30; index++) disk.append(`${LOG}-${index}x`, `${index}\n`)
  const agent = await agentWith({ watchesMax: 3 })
  expect(await agent.drain()).toHaveLength(30)
  expect(disk.watched).toBe(3)
  disk.append(`${LOG}-7x`, 'more\n')
  expect(await agent.drain()).toEqual(['more'])
  expect(disk.watched).toBe(3)
  expect(disk.isWatched(`${LOG}-7x`)).toBe(true)
  await agent.files.close()
  expect(disk.watched).toBe(0)
})

it('asks for no watch where none is wanted', async () => {
  clock = new TestClock()
  disk.append(LOG, 'one\n')
  disk.onWatch = () => expect.fail('a watch was asked for')
  const agent = await agentWith({ watchesMax: 0 })
  expect(await agent.drain()).toEqual(['one'])
})

it('looks at a file for one caller at a time, also where nobody waits for the look any more', async () => {
  disk.append(LOG, 'one\n')
  const agent = await agentWith()
  expect(await nextTexts(agent)).toEqual(['one'])
  const order: string[] = []
  let release: () => void = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const facts = disk.facts.bind(disk)
  disk.facts = async (path) => {
    order.push('look')
    await gate
    order.push('looked')
    return facts(path)
  }
  const idle = agent.files.idle(AbortSignal.abort())
  clock.ms += 20_000
  disk.append(LOG, 'two\n')
  const next = agent.next()
  await new Promise((resolve) => setImmediate(resolve))
  expect(order).toEqual(['look'])
  release()
  await idle
  expect(textsOf((await next)!)).toEqual(['two'])
  expect(order.slice(0, 3)).toEqual(['look', 'looked', 'look'])
})
