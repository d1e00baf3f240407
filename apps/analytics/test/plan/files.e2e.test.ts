// Files that a query reads beside its streams: each run reads them as they are by then, and one that cannot be read is named.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createInputs, hold, plannerOfTests, runBetween } from './planner.ts'

const planner = plannerOfTests()
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'analytics-files-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** Returns a run of a stream with a file of names by key. */
async function runnerOf(path: string) {
  const { session } = planner()
  const plan = await planner().plan(
    `INSERT INTO x SELECT s.k, f.name FROM s LEFT JOIN '${path}' f ON f.k = s.k`,
    { columnsOf: () => ['ts', 'k', 'v'] },
  )
  expect(plan.statements[0]!.files).toEqual([path])
  await createInputs(session, plan)
  await hold(session, plan.inputs[0]!.held, [{ at: 0, k: 'a', v: 1 }])
  return async () => (await runBetween(session, plan.statements[0]!, undefined, 0)).map(({ name }) => name)
}

async function write(path: string, name: string): Promise<void> {
  const rows = `SELECT 'a' AS k, '${name}' AS name`
  await planner().session.run(`COPY (${rows}) TO '${path}'`)
}

it.each(['csv', 'json', 'parquet'])('reads a %s file anew each time', async (format) => {
  const path = join(directory, `names.${format}`)
  await write(path, 'first')
  const run = await runnerOf(path)
  expect(await run()).toEqual(['first'])
  await write(path, 'second one')
  expect(await run()).toEqual(['second one'])
})

it.each(['csv', 'json', 'parquet'])(
  'names a %s file that is gone, and goes on once it is back',
  async (format) => {
    const path = join(directory, `gone.${format}`)
    const run = await runnerOf(path)
    await expect(run()).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining(path) as string,
    })
    await write(path, 'back')
    expect(await run()).toEqual(['back'])
  },
)

it.each([
  ['csv', Buffer.from([0x6b, 0x2c, 0x6e, 0x0a, 0xff, 0xfe, 0x2c, 0x61, 0x0a])],
  ['json', '{"k": "a", "na'],
  ['parquet', 'PAR1 and then nothing'],
  ['parquet', ''],
])('names a %s file that is broken', async (format, bytes) => {
  const path = join(directory, `broken.${format}`)
  await writeFile(path, bytes)
  const run = await runnerOf(path)
  const fault = await run().catch((error: unknown) => error as Error)
  expect(fault).toMatchObject({ code: 'file' })
  expect((fault as Error).message.split('\n')[0]).toContain(path)
})
