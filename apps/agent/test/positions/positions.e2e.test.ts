// The directory of positions on a real disk: what survives a process, and who may use it.
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { CheckedRange } from '../../src/lines/line-run.ts'
import { Positions } from '../../src/positions/positions.ts'

const FINGERPRINT = { bytes: 1, digest: 'x' }
const range = (from: number, to: number): CheckedRange => ({ file: '1-1-1', from, to, tail: FINGERPRINT })

let directory: string
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'agent-positions-')), 'state')
})
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }))

function open(): Promise<Positions> {
  return Positions.open(directory, { timeToLiveDays: 7, now: () => 0 })
}

async function beginFile(positions: Positions): Promise<void> {
  const known = {
    file: '1-1-1',
    path: '/a',
    device: '1',
    inode: '1',
    head: FINGERPRINT,
    size: 9,
    modifiedAt: 1,
  }
  await positions.flow('flow').started([{ known, offset: 0, tail: { bytes: 0, digest: '' } }])
}

it('gives back what was durable, and nothing else, wherever the journal ends', async () => {
  let positions = await open()
  await beginFile(positions)
  await positions.flow('flow').confirmed(range(0, 10))
  const journal = join(directory, 'positions.journal')
  const before = (await readFile(journal)).length
  await positions.flow('flow').confirmed(range(10, 20))
  const all = await readFile(journal)
  await positions.close()
  for (let length = before; length <= all.length; length++) {
    await writeFile(journal, all.subarray(0, length))
    positions = await open()
    const wanted = length === all.length ? 20 : 10
    expect(positions.flow('flow').position('1-1-1')?.offset).toBe(wanted)
    await positions.flow('flow').confirmed(range(wanted, 30))
    await positions.close()
    positions = await open()
    expect(positions.flow('flow').position('1-1-1')?.offset).toBe(30)
    await positions.close()
  }
})

it('refuses a damaged journal, names the place, and leaves the directory free', async () => {
  const positions = await open()
  await beginFile(positions)
  await positions.flow('flow').confirmed(range(0, 10))
  await positions.close()
  const journal = join(directory, 'positions.journal')
  const bytes = await readFile(journal)
  await writeFile(journal, Buffer.concat([Buffer.from('broken\n'), bytes]))
  await expect(open()).rejects.toThrow(`${journal} is damaged at byte 0`)
  await rm(journal)
  await (await open()).close()
})

it('lets calls that come together share a flush, and none before its facts are durable', async () => {
  const positions = await open()
  await beginFile(positions)
  const flow = positions.flow('flow')
  await Promise.all(Array.from({ length: 500 }, (_, index) => flow.confirmed(range(index, index + 1))))
  const lines = (await readFile(join(directory, 'positions.journal'), 'latin1')).trim().split('\n')
  expect(lines.length).toBeLessThan(20)
  expect(flow.position('1-1-1')?.offset).toBe(500)
  await positions.close()
})

it('writes the journal anew when most of it is outdated', async () => {
  const positions = await open()
  await beginFile(positions)
  const flow = positions.flow('flow')
  const plan = 'x'.repeat(100_000)
  for (let index = 0; index < 40; index++) {
    await flow.prepared(range(index, index + 1), { plan, madeAt: 0, seed: '' })
    await flow.confirmed(range(index, index + 1))
  }
  expect((await stat(join(directory, 'positions.journal'))).size).toBeLessThan(1_500_000)
  await positions.close()
  const again = await open()
  expect(again.flow('flow').position('1-1-1')?.offset).toBe(40)
  await again.close()
})

it('keeps the directory to one agent, and to its user', async () => {
  const positions = await open()
  await expect(open()).rejects.toThrow(`${directory} is in use by process ${process.pid}.`)
  expect((await stat(join(directory, 'positions.journal'))).mode & 0o777).toBe(0o600)
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
  await positions.close()
  expect(await readdir(directory)).toEqual(['positions.journal'])
})

it('takes over from a process that was killed, and from another host that shows no sign of life', async () => {
  await (await open()).close()
  // A pid that no process has: larger than systems give.
  await writeFile(join(directory, `agent-4194999-123-${'0'.repeat(16)}-00000000.claim`), '')
  await truncate(join(directory, `agent-4194999-123-${'0'.repeat(16)}-00000000.claim`), 0)
  await expect(open()).rejects.toThrow('of another host or container')
  await rm(join(directory, `agent-4194999-123-${'0'.repeat(16)}-00000000.claim`))
  const positions = await open()
  const [own] = (await readdir(directory)).filter((name) => name.endsWith('.claim'))
  await positions.close()
  await appendFile(join(directory, own!.replace(`agent-${process.pid}-`, 'agent-4194999-')), '')
  await (await open()).close()
  expect(await readdir(directory)).toEqual(['positions.journal'])
})

it('can be looked at beside the agent that has it, and after it: nothing is claimed or changed', async () => {
  expect(await Positions.look(directory)).toBeUndefined()
  const positions = await open()
  await beginFile(positions)
  await positions.flow('flow').confirmed(range(0, 10))
  const before = await readdir(directory)
  const flows = await Positions.look(directory)
  expect(flows?.get('flow')?.files.get('1-1-1')).toMatchObject({ offset: 10 })
  expect(await readdir(directory)).toEqual(before)
  await positions.close()
  expect((await Positions.look(directory))?.get('flow')?.files.get('1-1-1')).toMatchObject({ offset: 10 })
})

it('names the journal where it cannot be written', async () => {
  const positions = await open()
  await beginFile(positions)
  // So large that the journal is written anew at the next fact, for which its directory is missing.
  await positions.flow('flow').prepared(range(0, 1), { plan: 'x'.repeat(2 << 20), madeAt: 0, seed: '' })
  await rm(directory, { recursive: true })
  const written = positions.flow('flow').confirmed(range(0, 1))
  await expect(written).rejects.toThrow(
    `cannot be written to ${join(directory, 'positions.journal')}: ENOENT`,
  )
  await positions.close()
})
