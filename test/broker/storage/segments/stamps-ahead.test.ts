// Stamps from a time when the clock was ahead, in an owner.
import { expect } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { test } from '../../../support/disk/storage.ts'

test('owner: producers whose stamps are years ahead do not keep new ones out for longer', async ({
  storage,
}) => {
  let now = 0
  const options = { producersMax: 2, now: () => now, elapsed: () => now }
  const ahead = await storage.openOwner({ ...options, now: () => 1e13 })
  await ahead.open(1)
  for (const producerId of [1, 2]) await ahead.put(1, ['a'], { producerId })
  await storage.closeOwners()
  const owner = await storage.openOwner(options)
  await owner.open(1)
  expect((await owner.put(1, ['a'], { producerId: 3 })).code).toBe('tooManyProducers')
  now = limits.producerIdleMsMin
  expect((await owner.put(1, ['a'], { producerId: 3 })).code).toBe('stored')
})
