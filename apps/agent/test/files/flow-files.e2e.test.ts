// The files of a flow on a real disk, with the positions of a real directory. Time is the disk's, and moves on when somebody waits.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { nodeDisk } from '../../src/files/disk.ts'
import { FlowFiles } from '../../src/files/flow-files.ts'
import { Positions } from '../../src/positions/positions.ts'
import { worldRim } from '../../src/rim.ts'
import { ReadingAgent, SETTINGS, textsOf } from './support/reading-agent.ts'
import { RotationScene, rotationSteps, type LogStore } from './support/rotation-scene.ts'

const LIMITS = { bytesMax: 1 << 20, recordsMax: 1000 }

/** The clock by which the disk stamps, and what was waited on top of it. */
class DiskClock {
  #waited = 0
  get ms(): number {
    return Date.now() + this.#waited
  }
  set ms(value: number) {
    this.#waited = value - Date.now()
  }
  readonly now = (): number => this.ms
  readonly monotonic = (): number => this.ms
  readonly wait = (ms: number): Promise<void> => {
    this.#waited += Math.max(1, ms)
    return Promise.resolve()
  }
}

let directory: string
let clock: DiskClock
beforeEach(() => {
  clock = new DiskClock()
  directory = mkdtempSync(join(tmpdir(), 'agent-files-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const store: LogStore = {
  has: existsSync,
  append: appendFileSync,
  create: (path) => writeFileSync(path, ''),
  rename: renameSync,
  copy: copyFileSync,
  truncate: (path) => truncateSync(path),
}

function openPositions(): Promise<Positions> {
  return Positions.open(join(directory, 'state'), { timeToLiveDays: 7, now: clock.now })
}

function openFiles(positions: Positions, more = {}): Promise<FlowFiles> {
  const flow = { ...SETTINGS, filePattern: join(directory, '*.log'), ...more }
  const rim = { disk: nodeDisk, now: clock.now, monotonic: clock.now, wait: clock.wait }
  return FlowFiles.open({ flow, positions: positions.flow('one'), rim })
}

/** Reads until nothing comes any more. */
async function drain(files: FlowFiles): Promise<string[]> {
  const lines: string[] = []
  for (let poll = 0; poll < 5; poll++) {
    for (let run = await files.next(LIMITS); run !== undefined; run = await files.next(LIMITS))
      lines.push(...textsOf(run))
    await files.idle(new AbortController().signal)
  }
  return lines
}

it('goes on after a restart where it was, and gives prepared ranges again', async () => {
  const log = join(directory, 'a.log')
  writeFileSync(log, 'one\ntwo\n')
  let positions = await openPositions()
  let files = await openFiles(positions)
  const first = (await files.next(LIMITS))!
  expect(textsOf(first)).toEqual(['one', 'two'])
  await positions.flow('one').confirmed(first)
  appendFileSync(log, 'three\n')
  await files.idle(new AbortController().signal)
  const second = (await files.next(LIMITS))!
  await positions.flow('one').prepared(second, { plan: { some: 'plan' }, madeAt: 5, seed: 'seed' })
  await files.close()
  await positions.close()

  appendFileSync(log, 'four\n')
  positions = await openPositions()
  files = await openFiles(positions)
  const [chunk] = positions.flow('one').inDoubt()
  expect(chunk).toMatchObject({ plan: { some: 'plan' }, madeAt: 5, seed: 'seed' })
  expect(textsOf(await files.again(chunk!.ranges[0]!))).toEqual(['three'])
  expect(await drain(files)).toEqual(['four'])
  await files.close()
  await positions.close()
})

it('delivers each line once and in order through rotation of both kinds on a disk', async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(rotationSteps(['rename', 'copytruncate']), { maxLength: 15 }),
      async (sequence) => {
        const logs = join(directory, `logs-${count++}`)
        mkdirSync(logs)
        const settings = { filePattern: join(logs, 'app.log*'), recordBytesMax: 1_000 }
        const agent = await new ReadingAgent(nodeDisk, clock, settings).start()
        const scene = new RotationScene(store, join(logs, 'app.log'), clock, agent)
        for (const step of sequence) await scene.take(step)
        await scene.finish()
        expect(scene.delivered()).toEqual(scene.written)
        await agent.files.close()
      },
    ),
    { numRuns: 25 },
  )
})

it('reads ten thousand files to their ends', async () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `n${index}x`)
  for (const name of names) writeFileSync(join(directory, `${name}.log`), `${name}\n`)
  const positions = await openPositions()
  const files = await openFiles(positions)
  expect((await drain(files)).toSorted()).toEqual(names.toSorted())
  expect(files.status().every(({ state }) => state === 'current')).toBe(true)
  await files.close()
  await positions.close()
})

it('reads on at the end of a file of 50 GB, and there again after a restart', async () => {
  const log = join(directory, 'huge.log')
  const size = 50_000_000_000
  writeFileSync(log, '')
  truncateSync(log, size)
  let positions = await openPositions()
  let files = await openFiles(positions, { initialPosition: 'END_OF_FILE' })
  appendFileSync(log, '\none\n')
  await files.idle(new AbortController().signal)
  const run = (await files.next(LIMITS))!
  expect(run).toMatchObject({ from: size, to: size + 5 })
  expect(textsOf(run)).toEqual(['', 'one'])
  await positions.flow('one').confirmed(run)
  await files.close()
  await positions.close()
  appendFileSync(log, 'two\n')
  positions = await openPositions()
  files = await openFiles(positions, { initialPosition: 'END_OF_FILE' })
  expect(await drain(files)).toEqual(['two'])
  await files.close()
  await positions.close()
})

it('follows links to files, and reads a file once that has two names', async () => {
  writeFileSync(join(directory, 'target'), 'one\n')
  symlinkSync(join(directory, 'target'), join(directory, 'a.log'))
  symlinkSync(join(directory, 'target'), join(directory, 'b.log'))
  symlinkSync(join(directory, 'nothing'), join(directory, 'c.log'))
  const positions = await openPositions()
  const files = await openFiles(positions)
  expect(await drain(files)).toEqual(['one'])
  await files.close()
  await positions.close()
})

it('gives a line long before the next poll, again and again', async () => {
  const log = join(directory, 'a.log')
  writeFileSync(log, 'one\n')
  const positions = await openPositions()
  const flow = { ...SETTINGS, filePattern: join(directory, '*.log*'), pollMsMin: 3_600_000, watchesMax: 1 }
  await using files = await FlowFiles.open({
    flow,
    positions: positions.flow('one'),
    rim: { disk: nodeDisk, ...worldRim },
  })
  const nextLine = async (): Promise<string[]> => {
    for (;;) {
      const run = await files.next(LIMITS)
      if (run !== undefined) return textsOf(run)
      await files.idle(new AbortController().signal)
    }
  }
  expect(await nextLine()).toEqual(['one'])
  for (const line of ['two', 'three', 'four']) {
    // The file may be watched by now or not: either is fine.
    const next = nextLine()
    appendFileSync(log, `${line}\n`)
    expect(await next).toEqual([line])
  }
  await positions.close()
})

it('names a file whose name is not UTF-8, instead of passing it over', async () => {
  writeFileSync(
    Buffer.concat([Buffer.from(join(directory, 'bad-')), Buffer.from([0xff]), Buffer.from('.log')]),
    'x\n',
  )
  const positions = await openPositions()
  await using files = await openFiles(positions)
  expect(await drain(files)).toEqual([])
  expect(files.status()).toMatchObject([
    { state: 'unreadable', reason: expect.stringContaining('not UTF-8') as string },
  ])
  await positions.close()
})
