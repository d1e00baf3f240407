// Flushes of directories that many writers share.
import { expect, it } from 'vitest'
import { DirectoryFlushes } from '../../src/destinations/directory/directory-flushes.ts'

/** A disk whose flushes end when they are told to. */
function slowDisk() {
  const begun: { readonly path: string; readonly end: (error?: Error) => void }[] = []
  const flushes = new DirectoryFlushes(
    (path) =>
      new Promise((resolve, reject) => {
        begun.push({ path, end: (error) => (error === undefined ? resolve() : reject(error)) })
      }),
  )
  return { begun, flushes }
}

it('writers that come while a flush is under way share the next one, which begins after it', async () => {
  const { begun, flushes } = slowDisk()
  const done: string[] = []
  const first = flushes.flush('a').then(() => done.push('first'))
  const shared = [1, 2, 3].map(() => flushes.flush('a').then(() => done.push('shared')))
  expect(begun).toHaveLength(1)
  begun[0]!.end()
  await first
  expect(done).toEqual(['first'])
  expect(begun).toHaveLength(2)
  begun[1]!.end()
  await Promise.all(shared)
  void flushes.flush('b')
  expect(begun.map(({ path }) => path)).toEqual(['a', 'a', 'b'])
})

it('a writer that comes while a shared flush is under way waits for another one', async () => {
  const { begun, flushes } = slowDisk()
  const first = flushes.flush('a')
  const second = flushes.flush('a')
  begun[0]!.end()
  await first
  const third = flushes.flush('a')
  begun[1]!.end()
  await second
  expect(begun).toHaveLength(3)
  begun[2]!.end()
  await third
})

it('a flush that fails fails for those who wait for it, and the next one is tried', async () => {
  const { begun, flushes } = slowDisk()
  const first = flushes.flush('a')
  const second = flushes.flush('a')
  begun[0]!.end(new Error('the disk is gone'))
  await expect(first).rejects.toThrow('the disk is gone')
  begun[1]!.end()
  await second
})
