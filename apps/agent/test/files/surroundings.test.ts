// What happens around files, and must neither stop nor double anything: clocks that are set, directories that cannot be looked into, files
// that go and come back.
import { beforeEach, expect, it } from 'vitest'
import { PathPattern } from '../../src/files/path-pattern.ts'
import { HANDLES_MAX } from '../../src/files/open-handles.ts'
import { MemoryDisk } from './support/memory-disk.ts'
import { ReadingAgent, TestClock, textsOf } from './support/reading-agent.ts'

const LOG = '/logs/app.log'
const HOUR_MS = 3_600_000

let clock: TestClock
let disk: MemoryDisk
beforeEach(() => {
  clock = new TestClock()
  disk = new MemoryDisk(() => clock.ms++ + clock.offMs)
  disk.mkdir('/logs')
})

const agentWith = (settings: ConstructorParameters<typeof ReadingAgent>[2] = {}) =>
  new ReadingAgent(disk, clock, settings).start()

it.each([
  ['back', -HOUR_MS],
  ['forward', HOUR_MS],
])('a clock that is set %s holds up neither a file nor the one that takes its name', async (_, byMs) => {
  disk.append(LOG, 'one\n')
  const agent = await agentWith()
  expect(await agent.drain()).toEqual(['one'])
  clock.offMs = byMs
  const before = clock.ms
  disk.append(LOG, 'two\n')
  disk.rename(LOG, `${LOG}.1`)
  disk.append(LOG, 'three\n')
  expect(await agent.drain(30)).toEqual(['two', 'three'])
  expect(clock.ms - before).toBeLessThan(HOUR_MS / 2)
})

it('a directory that cannot be looked into for a while takes no file away, and ends no line', async () => {
  disk.append(LOG, 'one\nbeg')
  const agent = await agentWith()
  expect(await agent.drain()).toEqual(['one'])
  disk.denyDirectory('/logs')
  expect(await agent.drain(40)).toEqual([])
  const states = agent.files.status().map(({ path, state }) => `${path} ${state}`)
  expect(states).toEqual([`${LOG} unreadable`, '/logs unreadable'])
  disk.denyDirectory('/logs', false)
  disk.append(LOG, 'un\n')
  expect(await agent.drain(40)).toEqual(['begun'])
})

it('a file that is moved away and back is read on where it was read to, though that is not delivered yet', async () => {
  disk.mkdir('/elsewhere')
  disk.append(LOG, 'one\n')
  const agent = await agentWith({ filePattern: '/logs/*' })
  expect(textsOf((await agent.next())!)).toEqual(['one'])
  // So many others that it is not open any more.
  for (let index = 0; index < 2 * HANDLES_MAX; index++) disk.append(`/logs/${index}x`, `${index}\n`)
  expect(await agent.drain(40)).toHaveLength(2 * HANDLES_MAX)
  disk.rename(LOG, '/elsewhere/app.log')
  expect(await agent.drain(40)).toEqual([])
  disk.append('/elsewhere/app.log', 'two\n')
  disk.rename('/elsewhere/app.log', LOG)
  expect(await agent.drain(40)).toEqual(['two'])
  expect(agent.files.status().filter(({ state }) => state === 'vanished')).toEqual([])
})

it('directories that are too many to be looked into are told of', async () => {
  for (const name of ['a', 'b', 'c', 'd']) disk.mkdir(`/logs/${name}`)
  const { directories, passedOver } = await new PathPattern('/logs/*/x.log', 3).find(disk)
  expect(directories).toEqual(['/logs', '/logs/a', '/logs/b'])
  expect(passedOver).toMatchObject([{ path: '/logs/c', state: 'unreadable' }])
  expect(passedOver[0]?.reason).toMatch(/more than 3/)
})
