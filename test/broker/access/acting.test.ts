// Sessions of one that may do everything, which take on the identity of another: what they have then, and when that ends.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EVERYTHING } from '../../../broker/access/identity.ts'
import { Policy, secretHashOf, type PolicyData } from '../../../broker/access/policy.ts'
import { sessionLimits } from '../../../broker/server/admission.ts'
import type { AuditFacts } from '../../../broker/telemetry/audit/audit.ts'
import type { Grant } from '../../../protocol/access/grant.ts'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import { printToken } from '../../../protocol/access/token.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { rejectionOf } from '../../support/rejection.ts'
import { clicks, serving, type Serving } from '../server/serving.ts'

const secretOf = (name: string) => Buffer.alloc(32, name)
const idOf = (name: string) => name.padEnd(16, 'A')
const tokenOf = (name: string) => printToken({ id: idOf(name), secret: secretOf(name) })

const clicksAlone = [parseGrant('clicks:describe')]
const ordersAlone = [parseGrant('orders:describe')]
/** Each with a token of its name. */
const principals: Readonly<Record<string, readonly Grant[]>> = {
  door: [EVERYTHING],
  second: [EVERYTHING],
  lead: [parseGrant('*:admin')],
  alice: clicksAlone,
  bob: ordersAlone,
}

let version = 0
function policyOf({
  grants = {},
  without,
  revoked,
  ...changes
}: Partial<PolicyData> & {
  grants?: Readonly<Record<string, readonly Grant[]>>
  without?: string
  revoked?: string
} = {}): Policy {
  const there = Object.entries({ ...principals, ...grants }).filter(([name]) => name !== without)
  const tokens = there.map(([principal]) => ({
    id: idOf(principal),
    principal,
    secretHash: secretHashOf(secretOf(principal)).toString('hex'),
  }))
  return new Policy({
    version: ++version,
    access: 'required',
    principals: there.map(([name, given]) => ({
      name,
      grants: given,
      certificateNames: name === 'door' ? ['DNS:door'] : [],
    })),
    tokens: tokens.filter(({ principal }) => principal !== revoked),
    ...changes,
  })
}

let now = 0
let home: Serving
let lines: (AuditFacts & { readonly event: string })[]

function serve(policy: Policy = policyOf()): void {
  lines = []
  home = serving(
    { describeStream: () => ({ stream: clicks }), deleteStream: () => ({}) },
    { policy, now: () => now, audit: { record: (event, facts) => lines.push({ event, ...facts }) } },
  )
}

beforeEach(() => {
  now = 0
  serve()
})
afterEach(async () => {
  vi.useRealTimers()
  await home.server.close()
})

async function arrive(certificateNames: string[] = []): Promise<RawConnection> {
  const arrival = { isPrivate: true, certificateNames }
  const connection = new RawConnection(home.arrive({ remote: '10.1.2.3:4567', arrival }))
  await connection.hello()
  return connection
}

async function acting(who: string, actAs: string): Promise<RawConnection> {
  const connection = await arrive()
  await connection.request('authenticate', { token: tokenOf(who), actAs })
  return connection
}

const describing = (connection: RawConnection, name: string) => connection.request('describeStream', { name })
const refused = (connection: RawConnection, who: string, actAs: string | undefined) =>
  rejectionOf(connection.request('authenticate', { token: tokenOf(who), actAs }))

describe('a session that acts as another', () => {
  it('may do what that one may, and nothing of its own', async () => {
    const connection = await arrive()
    await expect(
      connection.request('authenticate', { token: tokenOf('door'), actAs: 'alice' }),
    ).resolves.toEqual({ principal: 'alice', expiresAt: undefined })
    await describing(connection, 'clicks')
    expect((await rejectionOf(describing(connection, 'orders'))).code).toBe('streamNotFound')
    expect(
      (await rejectionOf(connection.request('deleteStream', { name: 'clicks', expectedId: undefined }))).code,
    ).toBe('permissionDenied')
  })

  it('as one that may do everything has no less', async () => {
    await describing(await acting('door', 'second'), 'orders')
  })

  it('stands in the audit with both names, and with the token of who acts', async () => {
    const connection = await acting('door', 'alice')
    await rejectionOf(connection.request('deleteStream', { name: 'clicks', expectedId: undefined }))
    const [line] = lines
    expect(line).toMatchObject({
      event: 'permissionDenied',
      principal: 'alice',
      actor: 'door',
      credential: idOf('door'),
      operation: 'deleteStream',
    })
  })

  it('counts as a use of the token of who acts', async () => {
    await acting('door', 'alice')
    expect(home.server.takeTokenUses().map(({ id }) => id)).toEqual([idOf('door')])
  })
})

describe('nobody acts as another', () => {
  it.each(['alice', 'bob', 'lead'])('without the grant of everything: %s', async (who) => {
    // The same words for who is there and who is not, and for himself.
    const told = []
    for (const actAs of ['bob', 'door', 'nobody', who]) {
      const connection = await arrive()
      told.push(await refused(connection, who, actAs))
      await connection.closed
    }
    expect(new Set(told.map(({ code }) => code))).toEqual(new Set(['permissionDenied']))
    expect(new Set(told.map(({ message }) => message)).size).toBe(1)
    expect(
      lines.every(({ event, outcome }) => event === 'loginFailed' && outcome === 'permissionDenied'),
    ).toBe(true)
  })

  it('with a grant of everything that has ended', async () => {
    home.server.enforce(policyOf({ grants: { door: [{ ...EVERYTHING, expiresAt: 5 }] } }))
    now = 5
    expect((await refused(await arrive(), 'door', 'alice')).code).toBe('permissionDenied')
  })

  it('that does not exist, nor with a wrong token', async () => {
    expect((await refused(await arrive(), 'door', 'nobody')).code).toBe('principalNotFound')
    const connection = await arrive()
    const wrong = printToken({ id: idOf('door'), secret: secretOf('other') })
    const asked = connection.request('authenticate', { token: wrong, actAs: 'alice' })
    expect((await rejectionOf(asked)).code).toBe('unauthenticated')
  })

  it('where access is open, which the error says', async () => {
    await home.server.close()
    serve(policyOf({ access: 'open' }))
    const error = await refused(await arrive(), 'door', 'alice')
    expect([error.code, error.message.includes('--access required')]).toEqual(['invalidArgument', true])
  })

  it('on a session that is known as one already, and it stays that one', async () => {
    const own = await arrive()
    await own.request('authenticate', { token: tokenOf('door'), actAs: undefined })
    expect((await refused(own, 'door', 'alice')).code).toBe('invalidArgument')
    await describing(own, 'orders')

    const other = await acting('door', 'alice')
    for (const actAs of ['bob', undefined]) {
      expect((await refused(other, 'door', actAs)).code).toBe('invalidArgument')
    }
    expect((await refused(other, 'second', 'alice')).code).toBe('invalidArgument')
    expect((await refused(other, 'alice', undefined)).code).toBe('invalidArgument')
    expect((await rejectionOf(describing(other, 'orders'))).code).toBe('streamNotFound')
    // Renewed.
    await other.request('authenticate', { token: tokenOf('door'), actAs: 'alice' })
    await describing(other, 'clicks')
  })

  it('by a certificate alone, but with it and the token of the same principal', async () => {
    const connection = await arrive(['DNS:door'])
    await describing(connection, 'orders')
    expect((await refused(connection, 'second', 'alice')).code).toBe('invalidArgument')
    await connection.request('authenticate', { token: tokenOf('door'), actAs: 'alice' })
    expect((await rejectionOf(describing(connection, 'orders'))).code).toBe('streamNotFound')
    expect((await refused(connection, 'door', undefined)).code).toBe('invalidArgument')
  })
})

describe('it ends', () => {
  it.each<[string, Parameters<typeof policyOf>[0], RegExp]>([
    ['when the token of who acts is revoked', { revoked: 'door' }, /revoked/],
    ['when who acts is deleted', { without: 'door' }, /door was deleted/],
    ['when the other is deleted', { without: 'alice' }, /alice was deleted/],
    ['when who acts may not do everything any more', { grants: { door: clicksAlone } }, /door lacks/],
  ])('%s, and that of others goes on', async (_when, change, says) => {
    const [ended, kept] = [await acting('door', 'alice'), await acting('second', 'bob')]
    home.server.enforce(policyOf(change))
    await ended.closed
    expect(ended.connectionErrors).toMatchObject([
      { code: 'unauthenticated', message: expect.stringMatching(says) as string },
    ])
    expect(lines.find(({ event }) => event === 'sessionEnded')).toMatchObject({
      principal: 'alice',
      actor: 'door',
    })
    await describing(kept, 'orders')
  })

  it('when the grant of who acts ends by its time', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    home.server.enforce(policyOf({ grants: { door: [{ ...EVERYTHING, expiresAt: 1000 }] } }))
    const connection = await acting('door', 'alice')
    now = 999
    vi.advanceTimersByTime(sessionLimits.sweepMs)
    await describing(connection, 'clicks')
    now = 1000
    vi.advanceTimersByTime(sessionLimits.sweepMs)
    await connection.closed
    expect(connection.connectionErrors).toMatchObject([{ code: 'unauthenticated' }])
  })

  it('not when the tokens of the other are revoked, nor when its grants change: these it follows', async () => {
    const connection = await acting('door', 'alice')
    home.server.enforce(policyOf({ revoked: 'alice' }))
    await describing(connection, 'clicks')
    home.server.enforce(policyOf({ grants: { alice: ordersAlone } }))
    await describing(connection, 'orders')
    expect((await rejectionOf(describing(connection, 'clicks'))).code).toBe('streamNotFound')
  })
})
