// What is read of files, and what is said of them, on a file system in memory.
import { beforeEach, describe, expect, it } from 'vitest'
import { HANDLES_MAX } from '../../src/files/open-handles.ts'
import { MemoryDisk } from './support/memory-disk.ts'
import { ReadingAgent, TestClock, textsOf } from './support/reading-agent.ts'

const LOG = '/logs/app.log'
const KIB = 1024

let clock: TestClock
let disk: MemoryDisk
beforeEach(() => {
  clock = new TestClock()
  disk = new MemoryDisk(() => clock.ms++)
  disk.mkdir('/logs')
})

const agentWith = (settings: ConstructorParameters<typeof ReadingAgent>[2]) =>
  new ReadingAgent(disk, clock, settings).start()

describe('the initial position', () => {
  it('END_OF_FILE passes what is there, but not the line that is begun; later files are read from their start', async () => {
    disk.append(LOG, 'old\nolder\nbeg')
    const agent = await agentWith({ initialPosition: 'END_OF_FILE' })
    expect(await agent.drain()).toEqual([])
    disk.append(LOG, 'un\n')
    disk.append(`${LOG}.new`, 'whole\n')
    expect((await agent.drain()).toSorted()).toEqual(['begun', 'whole'])
  })

  it('END_OF_FILE holds for the first start alone', async () => {
    disk.append(LOG, 'old\n')
    const agent = await agentWith({ initialPosition: 'END_OF_FILE' })
    disk.append(LOG, 'new\n')
    await agent.crash()
    expect(await agent.drain()).toEqual(['new'])
  })
})

describe('headers and footers', () => {
  it('passes the first lines of each file, also where they come in pieces', async () => {
    const agent = await agentWith({ skipHeaderLines: 2 })
    disk.append(LOG, 'h1\nh')
    expect(await agent.drain()).toEqual([])
    disk.append(LOG, '2\none\n')
    expect(await agent.drain()).toEqual(['one'])
    await agent.crash()
    disk.append(LOG, 'two\n')
    expect(await agent.drain()).toEqual(['two'])
    expect(agent.files.status()[0]).toMatchObject({
      confirmedOffset: 14,
      lagBytes: 0,
    })
  })

  it('reads nothing from the footer on, and says so', async () => {
    disk.append(LOG, 'one\nEND OF LOG\nmore\n')
    const agent = await agentWith({ footer: /END.*/ })
    expect(await agent.drain()).toEqual(['one'])
    expect(agent.files.status()[0]).toMatchObject({
      state: 'footer',
      offset: 4,
    })
    await agent.crash()
    expect(await agent.drain()).toEqual([])
  })
})

describe('records', () => {
  it('of several lines wait for the next start, or until the file has not grown for a while', async () => {
    disk.append(LOG, '>one\n at x\n>two\n at y\n')
    const agent = await agentWith({ multiLineStart: />/ })
    expect(await agent.drain(2)).toEqual(['>one\n at x'])
    expect(await agent.drain(30)).toEqual(['>two\n at y'])
    disk.append(LOG, '>three\n half')
    expect(await agent.drain(30)).toEqual(['>three'])
    expect(agent.files.status()[0]).toMatchObject({ state: 'line-end' })
  })

  it('that are longer than a buffer are passed without being held, and made again alike', async () => {
    const long = 'x'.repeat(300 * KIB)
    disk.append(LOG, `one\n${long}`)
    const agent = await agentWith({ recordBytesMax: KIB })
    expect(await agent.drain()).toEqual(['one'])
    expect(agent.files.status()[0]).toMatchObject({
      state: 'line-end',
      offset: 4,
    })
    disk.append(LOG, `${long}\ntwo\n`)
    await agent.files.idle(new AbortController().signal)
    // The first call passes a piece of it.
    const run = ((await agent.next({ bytesMax: KIB })) ?? (await agent.next({ bytesMax: KIB })))!
    expect(textsOf(run)).toEqual([`${'x'.repeat(KIB - 1)}\n`])
    expect(run).toMatchObject({
      cutRecords: 1,
      droppedBytes: 600 * KIB - KIB + 1,
      to: 4 + 600 * KIB + 1,
    })
    expect(await agent.files.again(run)).toEqual(run)
    expect(await agent.drain()).toEqual(['two'])
  })

  it('are made again from any runs, in one piece or several', async () => {
    const lines = Array.from({ length: 200 }, (_, index) => `${index} ${'y'.repeat((index * 37) % 400)}`)
    disk.append(LOG, `${lines.join('\n')}\n`)
    const agent = await agentWith({
      recordBytesMax: 200,
      multiLineStart: /\d*[05] /,
    })
    for (
      let run = await agent.next({ bytesMax: 300 });
      run !== undefined;
      run = await agent.next({ bytesMax: 300 })
    )
      expect(await agent.files.again(run)).toEqual(run)
  })

  it('of bytes pass as they are', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    disk.append(LOG, Buffer.concat([bytes, Buffer.from('\n')]))
    const agent = await agentWith({})
    const run = (await agent.next())!
    expect(Buffer.concat(run.records.map((each) => Buffer.from(each)))).toEqual(
      Buffer.from([...bytes].filter((byte) => byte !== 10)),
    )
  })

  it('are bounded in number and bytes by the limits of each call', async () => {
    disk.append(LOG, 'aaaa\nbbbb\ncccc\ndddd\n')
    const agent = await agentWith({ recordBytesMax: 4 })
    expect(textsOf((await agent.next({ recordsMax: 1 }))!)).toEqual(['aaaa'])
    expect(textsOf((await agent.next({ bytesMax: 12 }))!)).toEqual(['bbbb', 'cccc'])
  })
})

describe('once', () => {
  it('reads what is there, the oldest of each log first and last lines without an end too, and is ended', async () => {
    disk.append(`${LOG}.1`, 'one\nhalf')
    disk.append(LOG, 'two\nhalf')
    disk.append('/logs/app.log.gz', 'zip')
    const agent = await agentWith({ once: true })
    expect(await agent.drain(1)).toEqual(['one', 'half', 'two', 'half'])
    expect(agent.files.isEnded).toBe(true)
  })

  it('is ended at once where nothing matches', async () => {
    const agent = await agentWith({ once: true, filePattern: '/none/*' })
    expect(await agent.next()).toBeUndefined()
    expect(agent.files.isEnded).toBe(true)
  })
})

describe('the status', () => {
  it('says why a file stands still', async () => {
    disk.append(LOG, 'one\ntwo\n')
    disk.append('/logs/app.log-denied', 'x\n')
    disk.deny('/logs/app.log-denied')
    disk.append('/logs/app.log.zip', 'x')
    disk.mkdir('/logs/app.log.d')
    const agent = await agentWith({})
    await agent.next({ recordsMax: 1 })
    const states = () => Object.fromEntries(agent.files.status().map(({ path, state }) => [path, state]))
    expect(states()).toMatchObject({
      [LOG]: 'back-pressure',
      '/logs/app.log-denied': 'unreadable',
      '/logs/app.log.zip': 'ignored',
      '/logs/app.log.d': 'directory',
    })
    agent.files.hold('The stream is gone.')
    expect(agent.files.status()[0]).toMatchObject({
      state: 'destination',
      reason: 'The stream is gone.',
    })
    agent.files.hold(undefined)
    const denied = agent.files.status().find(({ path }) => path === '/logs/app.log-denied')
    expect(denied?.reason).toMatch(/EACCES.*give it the right to read/)
    expect(await agent.drain()).toEqual(['two'])
    expect(states()[LOG]).toBe('current')
  })

  it('goes on with a file when it may be read again', async () => {
    disk.append(LOG, 'one\n')
    disk.deny(LOG)
    const agent = await agentWith({})
    expect(await agent.drain()).toEqual([])
    disk.deny(LOG, false)
    disk.append(LOG, 'two\n')
    expect(await agent.drain(20)).toEqual(['one', 'two'])
  })

  it('says what was lost of a file that is gone', async () => {
    disk.append(LOG, 'one\ntwo\n')
    const agent = await agentWith({ recordBytesMax: 3 })
    expect(textsOf((await agent.next({ recordsMax: 1 }))!)).toEqual(['one'])
    await agent.files.close()
    disk.unlink(LOG)
    await agent.start()
    const [row] = agent.files.status()
    expect(row).toMatchObject({ path: LOG, state: 'vanished' })
    expect(row?.reason).toMatch(/8 bytes were not read\.$/)
  })
})

describe('many files', () => {
  it('are all read, with a bounded number of them open, and each has its turn', async () => {
    const count = 2_000
    for (let index = 0; index < count; index++)
      disk.append(`/logs/app.log-${index}x`, `a${index}\nb${index}\n`)
    const agent = await agentWith({})
    const seen: string[] = []
    for (
      let run = await agent.next({ recordsMax: 1 });
      run !== undefined;
      run = await agent.next({ recordsMax: 1 })
    ) {
      seen.push(...textsOf(run))
      expect(disk.openHandles).toBeLessThanOrEqual(HANDLES_MAX)
    }
    expect(seen.slice(0, count).every((line) => line.startsWith('a'))).toBe(true)
    expect(new Set(seen).size).toBe(2 * count)
  })

  it('are found without their content being read: only their beginnings', async () => {
    for (let index = 0; index < 50; index++)
      disk.append(`/logs/app.log-${index}x`, 'line\n'.repeat(100 * KIB))
    await agentWith({})
    expect(disk.bytesRead).toBeLessThanOrEqual(50 * 2 * KIB)
  })

  it('in directories that appear later are found', async () => {
    const agent = await agentWith({ filePattern: '/logs/**/*.txt' })
    expect(await agent.drain()).toEqual([])
    disk.mkdir('/logs/a')
    disk.mkdir('/logs/a/b')
    disk.append('/logs/a/b/x.txt', 'one\n')
    expect(await agent.drain(20)).toEqual(['one'])
  })
})
