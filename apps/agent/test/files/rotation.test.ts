// Files that are rotated while they are read, on a file system in memory.
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryDisk } from './support/memory-disk.ts'
import { ReadingAgent, SETTINGS, TestClock, textsOf } from './support/reading-agent.ts'

const LOG = '/logs/app.log'

let clock: TestClock
let disk: MemoryDisk
beforeEach(() => {
  clock = new TestClock()
  disk = new MemoryDisk(() => clock.ms++)
  disk.mkdir('/logs')
})

describe('rotation by renaming', () => {
  it('reads what remains of the old file before the new one', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one'])
    disk.append(LOG, 'two\n')
    disk.rename(LOG, `${LOG}.1`)
    disk.append(LOG, 'three\n')
    expect(await agent.drain()).toEqual(['two', 'three'])
  })

  it('drains an old file whose new name does not match, in its directory or removed', async () => {
    for (const isRemoved of [false, true]) {
      disk.append(LOG, 'one\n')
      const agent = await new ReadingAgent(disk, clock, { filePattern: LOG }).start()
      expect(await agent.drain()).toEqual(['one'])
      disk.append(LOG, 'two\n')
      if (isRemoved) disk.unlink(LOG)
      else disk.rename(LOG, '/logs/old')
      disk.append(LOG, 'three\n')
      expect(await agent.drain()).toEqual(['two', 'three'])
      await agent.files.close()
      disk.unlink(LOG)
    }
  })

  it('keeps the order of several rotations between two polls', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one'])
    for (const line of ['two', 'three', 'four']) {
      for (const number of [2, 1]) {
        if (disk.has(`${LOG}.${number}`)) disk.rename(`${LOG}.${number}`, `${LOG}.${number + 1}`)
      }
      disk.append(LOG, `${line} in the old\n`)
      disk.rename(LOG, `${LOG}.1`)
      disk.append(LOG, `${line}\n`)
    }
    expect(await agent.drain()).toEqual([
      'two in the old',
      'two',
      'three in the old',
      'three',
      'four in the old',
      'four',
    ])
  })

  it('follows rotation that happened while the agent was down', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock, { filePattern: LOG }).start()
    expect(await agent.drain()).toEqual(['one'])
    await agent.files.close()
    disk.append(LOG, 'two\n')
    disk.rename(LOG, `${LOG}.1`)
    disk.append(LOG, 'three\n')
    await agent.start()
    expect(await agent.drain()).toEqual(['two', 'three'])
  })

  it('delivers a last line without an end when its file was rotated away and grows no more', async () => {
    disk.append(LOG, 'one\nhalf')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain(30)).toEqual(['one'])
    expect(agent.files.status()[0]).toMatchObject({ state: 'line-end', offset: 4 })
    disk.rename(LOG, `${LOG}.1`)
    disk.append(LOG, 'two\n')
    expect(await agent.drain(30)).toEqual(['half', 'two'])
  })

  it('takes a file in the inode of a removed one for a new file', async () => {
    disk.append(LOG, 'same\n')
    const agent = await new ReadingAgent(disk, clock, { filePattern: LOG }).start()
    expect(await agent.drain(3)).toEqual(['same'])
    await agent.files.close()
    disk.unlink(LOG)
    disk.append(LOG, 'other line\n')
    await agent.start()
    expect(await agent.drain()).toEqual(['other line'])
  })
})

describe('a file that is away for a while', () => {
  it('goes on where it was when it is back', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one'])
    await agent.files.close()
    disk.mkdir('/elsewhere')
    disk.rename(LOG, '/elsewhere/app.log')
    await agent.start()
    expect(await agent.drain()).toEqual([])
    disk.append('/elsewhere/app.log', 'two\n')
    disk.rename('/elsewhere/app.log', LOG)
    expect(await agent.drain()).toEqual(['two'])
  })
})

describe('truncation', () => {
  it('reads a truncated file from its start', async () => {
    disk.append(LOG, 'one\ntwo\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one', 'two'])
    disk.truncate(LOG)
    disk.append(LOG, '3\n')
    expect(await agent.drain()).toEqual(['3'])
  })

  it('notices a truncated file that has grown beyond where it was read to', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one'])
    disk.truncate(LOG)
    disk.append(LOG, 'much more than before\n')
    expect(await agent.drain()).toEqual(['much more than before'])
  })

  it('reads what remained in the copy before what follows, whether the copy matches or not', async () => {
    for (const filePattern of [LOG, `${LOG}*`]) {
      const agent = new ReadingAgent(disk, clock, { filePattern })
      disk.append(LOG, 'one\n')
      await agent.start()
      expect(await agent.drain()).toEqual(['one'])
      disk.append(LOG, 'two\n')
      disk.copy(LOG, `${LOG}.1`)
      disk.truncate(LOG)
      disk.append(LOG, 'three, which is long\n')
      expect(await agent.drain()).toEqual(['two', 'three, which is long'])
      expect(await agent.drain(100)).toEqual([])
      await agent.files.close()
      disk.unlink(LOG)
      disk.unlink(`${LOG}.1`)
    }
  })

  it('does not deliver a copy that is seen before the original is truncated', async () => {
    const agent = await new ReadingAgent(disk, clock).start()
    disk.append(LOG, 'one\n')
    expect(await agent.drain()).toEqual(['one'])
    disk.append(LOG, 'two\n')
    disk.copy(LOG, `${LOG}.1`)
    expect(await agent.drain(2)).toEqual(['two'])
    disk.truncate(LOG)
    disk.append(LOG, 'three\n')
    expect(await agent.drain(100)).toEqual(['three'])
  })

  it('holds the copy of what was written since an earlier copy, whose truncation was not seen', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    disk.copy(LOG, `${LOG}.1`)
    disk.truncate(LOG)
    disk.append(LOG, 'two\n')
    disk.rename(`${LOG}.1`, `${LOG}.2`)
    disk.copy(LOG, `${LOG}.1`)
    expect(await agent.drain(2)).toEqual(['one', 'two'])
    disk.truncate(LOG)
    expect(await agent.drain(50)).toEqual([])
  })

  it('says nothing of a loss where a file that was read to its end was truncated and has grown beyond that', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one'])
    disk.truncate(LOG)
    disk.append(LOG, 'another beginning\n')
    expect(await agent.drain()).toEqual(['another beginning'])
    expect(agent.files.status().map(({ state }) => state)).toEqual(['current'])
  })

  it('says how much was lost where a file was truncated without a copy', async () => {
    disk.append(LOG, 'one\n')
    const agent = await new ReadingAgent(disk, clock).start()
    expect(await agent.drain()).toEqual(['one'])
    disk.append(LOG, 'two\nthree\n')
    clock.ms += SETTINGS.refreshMsMax
    const run = (await agent.next({ recordsMax: 1 }))!
    expect(textsOf(run)).toEqual(['two'])
    await agent.positions.confirmed(run)
    disk.truncate(LOG)
    disk.append(LOG, '4\n')
    expect(await agent.drain()).toEqual(['4'])
    const [, lost] = agent.files.status()
    expect(lost).toMatchObject({ path: LOG, state: 'vanished' })
    expect(lost?.reason).toMatch(/no copy of it was found beside it\. 6 bytes were not read\.$/)
  })

  it('makes the records of a truncated file again from its copy', async () => {
    disk.append(LOG, 'one\ntwo\n')
    const agent = await new ReadingAgent(disk, clock).start()
    const run = (await agent.next())!
    await agent.positions.prepared(run, { plan: 1, madeAt: 2, seed: 's' })
    disk.copy(LOG, `${LOG}.1`)
    disk.truncate(LOG)
    disk.append(LOG, 'three\n')
    expect(await agent.drain()).toEqual(['three'])
    await agent.crash()
    const [chunk] = agent.positions.inDoubt()
    expect(textsOf(await agent.files.again(chunk!.ranges[0]!))).toEqual(['one', 'two'])
    await agent.positions.confirmed(chunk!.ranges)
    expect(await agent.drain()).toEqual([])
  })
})
