// The files of a flow on a real disk.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { nodeDisk } from '../../src/files/disk.ts'
import { FlowFiles } from '../../src/files/flow-files.ts'
import { Positions } from '../../src/positions/positions.ts'
import { TestClock } from './support/reading-agent.ts'

const LIMITS = { bytesMax: 1 << 20, recordsMax: 1000 }

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-files-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

function openFiles(
  positions: Positions,
  initialPosition: 'START_OF_FILE' | 'END_OF_FILE',
): Promise<FlowFiles> {
  const flow = {
    filePattern: join(directory, '*.log'),
    initialPosition,
    skipHeaderLines: 0,
    recordBytesMax: 1 << 20,
    truncationTerminator: Buffer.from('\n'),
    keepTerminators: false,
    pollMsMin: 100,
    refreshMsMax: 1000,
    once: false,
  } as const
  const clock = new TestClock()
  // Each look at the clock finds it later, so that every call may poll.
  const rim = { disk: nodeDisk, now: () => (clock.ms += 1000), wait: clock.wait }
  return FlowFiles.open({ flow, positions: positions.flow('one'), rim })
}

function openPositions(): Promise<Positions> {
  return Positions.open(join(directory, 'state'), { timeToLiveDays: 7, now: () => Date.now() })
}

it('goes on after a restart where it was, and gives prepared ranges again', async () => {
  const log = join(directory, 'a.log')
  await writeFile(log, 'one\ntwo\n')
  let positions = await openPositions()
  let files = await openFiles(positions, 'START_OF_FILE')
  const first = (await files.next(LIMITS))!
  expect(first.records.map((each) => Buffer.from(each).toString())).toEqual(['one', 'two'])
  await positions.flow('one').confirmed(first)
  await appendFile(log, 'three\n')
  const second = (await files.next(LIMITS))!
  await positions.flow('one').prepared(second, { plan: { some: 'plan' }, madeAt: 5, seed: 'seed' })
  await files.close()
  await positions.close()

  await appendFile(log, 'four\n')
  positions = await openPositions()
  files = await openFiles(positions, 'START_OF_FILE')
  const [chunk] = positions.flow('one').inDoubt()
  expect(chunk).toMatchObject({ plan: { some: 'plan' }, madeAt: 5, seed: 'seed' })
  const again = await files.again(chunk!.ranges[0]!)
  expect(again.records.map((each) => Buffer.from(each).toString())).toEqual(['three'])
  const last = (await files.next(LIMITS))!
  expect(last.records.map((each) => Buffer.from(each).toString())).toEqual(['four'])
  expect(await files.next(LIMITS)).toBeUndefined()
  await files.close()
  await positions.close()
})
