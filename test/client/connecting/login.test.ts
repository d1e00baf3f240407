// How a client says who it is, to brokers of every age.
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../../client/connecting/connection.ts'
import { logIn } from '../../../client/connecting/login.ts'
import { connect } from '../../../client/index.ts'

/** A connection to a broker that knows whoever asks by this name. */
const knownAs = (principal: string) =>
  ({
    address: { host: 'broker', port: 7400 },
    request: () => Promise.resolve({ principal, expiresAt: undefined }),
  }) as unknown as Connection

const { signal } = new AbortController()

describe('a client that acts as another', () => {
  it('goes on with a broker that knows it as that other, and with none that passed over whom it wants to be', async () => {
    await logIn(knownAs('alice'), 'token', { actAs: 'alice' }, signal)
    await expect(logIn(knownAs('root'), 'token', { actAs: 'alice' }, signal)).rejects.toMatchObject({
      code: 'permissionDenied',
      message: expect.stringContaining('"root"') as string,
    })
    await logIn(knownAs('root'), 'token', { actAs: undefined }, signal)
  })

  it.each([
    [{ actAs: 'alice' }, 'actAs is given without a token'],
    [{ actAs: 'al ice', token: 'x' }, 'actAs is "al ice"'],
    [{ actAs: '', token: 'x' }, 'actAs is ""'],
  ])('is refused with %j', async (options, message) => {
    await expect(connect('millrace://fake', options)).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining(message) as string,
    })
  })
})
