// A progress document that cannot be had or kept: it is tried again, and why is said once.
import { MillraceError, type NamedDocument } from 'millrace'
import { expect, it } from 'vitest'
import { takeProgress } from '../../src/progress/progress-document.ts'
import type { ShardProgress } from '../../src/progress/shard-progress.ts'

it('says once for each reason why a document cannot be had, and goes on trying', async () => {
  const refusals = ['permissionDenied', 'permissionDenied', 'timedOut', 'permissionDenied'] as const
  let attempt = 0
  const said: string[] = []
  const documents = {
    get: (): Promise<NamedDocument<ShardProgress> | undefined> => {
      const code = refusals[attempt++]
      return code === undefined ? Promise.resolve(undefined) : Promise.reject(new MillraceError(code, code))
    },
    put: () => Promise.resolve({ version: 1 }),
  }
  const progress = await takeProgress({
    documents,
    name: 'd/1/0',
    epoch: 1,
    pause: () => Promise.resolve(),
    onTrouble: (error) => said.push((error as MillraceError).code),
  })
  expect(progress.found.position).toBe(0)
  expect(said).toEqual(['permissionDenied', 'timedOut', 'permissionDenied'])
})

it('says why a document cannot be kept', async () => {
  const said: string[] = []
  let puts = 0
  let stored: ShardProgress | undefined
  const progress = await takeProgress({
    documents: {
      get: () =>
        Promise.resolve(stored && { name: 'd/1/0', version: puts, updatedAt: new Date(0), value: stored }),
      put: (_name: string, value: ShardProgress) => {
        if (puts++ === 1) return Promise.reject(new MillraceError('permissionDenied', 'Not any more.'))
        stored = value
        return Promise.resolve({ version: puts })
      },
    },
    name: 'd/1/0',
    epoch: 1,
    pause: () => Promise.resolve(),
    onTrouble: (error) => said.push((error as MillraceError).message),
  })
  await progress.save(() => ({ ...progress.found, position: 5 }))
  expect(stored?.position).toBe(5)
  expect(said).toEqual(['Not any more.'])
})
