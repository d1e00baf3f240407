// Promises of the budget of rows: never more at once than it may be, in the order of asking, and never nothing.
import { expect, it } from 'vitest'
import { RowBudget } from '../../../../broker/control/groups/row-budget.ts'

/** Work that a test ends. */
function work(): {
  readonly store: () => Promise<string>
  readonly end: (how?: Error) => void
  isRunning: boolean
} {
  let end = (_how?: Error): void => {}
  const made = {
    isRunning: false,
    end: (how?: Error): void => end(how),
    store: () => {
      made.isRunning = true
      return new Promise<string>((resolve, reject) => {
        end = (how) => (how === undefined ? resolve('stored') : reject(how))
      })
    },
  }
  return made
}

it('stores as many rows at once as it may, then the next ones in the order of asking', async () => {
  const budget = new RowBudget(10)
  const [a, b, c, d] = [work(), work(), work(), work()]
  const stored = [
    budget.run(6, a.store),
    budget.run(4, b.store),
    budget.run(9, c.store),
    budget.run(1, d.store),
  ]
  await Promise.resolve()
  expect([a, b, c, d].map(({ isRunning }) => isRunning)).toEqual([true, true, false, false])
  a.end()
  await stored[0]
  expect(c.isRunning).toBe(false)
  b.end()
  await stored[1]
  await Promise.resolve()
  expect([c.isRunning, d.isRunning]).toEqual([true, true])
  c.end()
  d.end()
  expect(await Promise.all(stored)).toEqual(['stored', 'stored', 'stored', 'stored'])
})

it('stores what is larger than all of it, alone', async () => {
  const budget = new RowBudget(10)
  const [a, b] = [work(), work()]
  const stored = [budget.run(1, a.store), budget.run(50, b.store)]
  expect(b.isRunning).toBe(false)
  a.end()
  await stored[0]
  await Promise.resolve()
  expect(b.isRunning).toBe(true)
  b.end()
  expect(await stored[1]).toBe('stored')
})

it('gives the room of what has failed to the next', async () => {
  const budget = new RowBudget(10)
  const [a, b] = [work(), work()]
  const [first, second] = [budget.run(10, a.store), budget.run(10, b.store)]
  a.end(new Error('no'))
  await expect(first).rejects.toThrow('no')
  await Promise.resolve()
  expect(b.isRunning).toBe(true)
  b.end()
  expect(await second).toBe('stored')
})
