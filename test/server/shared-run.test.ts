// One run of something dear for all who ask for it while it runs.
import { expect, it } from 'vitest'
import { sharedRun } from '../../broker/server/shared-run.ts'

it('sharedRun: runs once for all who ask meanwhile, and anew for those who come after', async () => {
  let runs = 0
  const ask = sharedRun(async () => {
    await Promise.resolve()
    return ++runs
  })
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1])
  expect(await ask()).toBe(2)
})

it('sharedRun: a run that fails, fails for all who joined it, and the next one is a new one', async () => {
  let runs = 0
  const ask = sharedRun(() => Promise.reject(new Error(`run ${++runs}`)))
  const outcomes = await Promise.allSettled([ask(), ask()])
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected'])
  await expect(ask()).rejects.toThrow('run 2')
})
