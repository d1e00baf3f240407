// Waits that end.
import { expect, it } from 'vitest'
import { within } from '../../../bench/harness/deadline.ts'

it('within: settles as the promise does', async () => {
  expect(await within(60_000, 'a value', Promise.resolve(1))).toBe(1)
  await expect(within(60_000, 'a failure', Promise.reject(new Error('no')))).rejects.toThrow('no')
})

it('within: rejects with what was waited for, if the promise does not settle', async () => {
  const never = new Promise(() => {})
  await expect(within(1, 'the hellos', never)).rejects.toThrow('the hellos: not done within 1 ms')
})
