// One run of an expensive function for all callers that ask while it runs.
import { expect, it } from 'vitest'
import { sharedRun } from '../../../broker/server/shared-run.ts'

it('sharedRun: runs once for all callers meanwhile, and anew for later ones', async () => {
  let runs = 0
  const ask = sharedRun(async () => {
    await Promise.resolve()
    return ++runs
  })
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1])
  expect(await ask()).toBe(2)
})

it('sharedRun: rejects for all callers that joined a failed run, and runs anew for the next', async () => {
  let runs = 0
  const ask = sharedRun(() => Promise.reject(new Error(`run ${++runs}`)))
  const outcomes = await Promise.allSettled([ask(), ask()])
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected'])
  await expect(ask()).rejects.toThrow('run 2')
})
