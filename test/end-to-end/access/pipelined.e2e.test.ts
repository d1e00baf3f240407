// Requests that wait for their turn while their session loses its principal. One process, real storage.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseToken } from '../../../protocol/access/token.ts'
import { outcomeOf, World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await World.open()
})

afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
})

it('who revokes his own token, and behind it that of root, does only the first', async () => {
  const { id, token } = await world.token('small', [])
  const small = await world.connect('controller', 'a port', token)
  const rootId = parseToken(world.rootToken)!.id
  const [own, other] = await Promise.all([
    outcomeOf(small, 'revokeToken', { id }),
    outcomeOf(small, 'revokeToken', { id: rootId }),
  ])
  expect(own.code).toBe('done')
  expect(['unauthenticated', 'connectionLost']).toContain(other.code)
  const again = await world.connect('controller', 'a port', world.rootToken)
  expect(await again.request('describePrincipal', { name: undefined })).toMatchObject({
    principal: { name: 'root', tokens: 1 },
  })
})
