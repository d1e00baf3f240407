// Who asks, on one session: what is served before that is known, tokens, and a policy that changes while sessions are open.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Policy, secretHashOf, type PolicyData, type PolicyToken } from '../../../broker/access/policy.ts'
import { refusalAt } from '../../../broker/server/gate.ts'
import { sessionLimits } from '../../../broker/server/admission.ts'
import { printToken } from '../../../protocol/access/token.ts'
import { limits } from '../../../protocol/index.ts'
import { operations, type OperationName } from '../../../protocol/operations.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { rejectionOf } from '../../support/rejection.ts'
import { clicks, serving, settled, type Serving } from '../server/serving.ts'

const secretOf = (seed: number) => Buffer.alloc(32, seed)
const idOf = (letter: string) => letter.repeat(16)
const tokenOf = (letter: string, seed: number) => printToken({ id: idOf(letter), secret: secretOf(seed) })

function stored(letter: string, seed: number, principal: string, expiresAt?: number): PolicyToken {
  return { id: idOf(letter), principal, secretHash: secretHashOf(secretOf(seed)).toString('hex'), expiresAt }
}

const shop = stored('A', 1, 'shop')
const audit = stored('B', 2, 'audit')
const brief = stored('C', 3, 'shop', 5_000)
const shopToken = tokenOf('A', 1)
const auditToken = tokenOf('B', 2)

let version = 0
function policyOf(changes: Partial<PolicyData> = {}): Policy {
  const all = { kind: 'stream', pattern: '*', actions: ['describe'] } as const
  return new Policy({
    version: ++version,
    access: 'required',
    principals: [
      { name: 'shop', grants: [all], certificateNames: ['DNS:shop'] },
      { name: 'audit', grants: [all], certificateNames: [] },
    ],
    tokens: [shop, audit, brief],
    ...changes,
  })
}

let now = 0
let home: Serving

function serve(policy: Policy = policyOf()): Serving {
  home = serving({ describeStream: () => ({ stream: clicks }) }, { policy, now: () => now })
  return home
}

/** Opens a connection that came in one way or another, and says hello. */
async function arrive(
  from: { isPrivate?: boolean; certificateNames?: string[] } = {},
): Promise<RawConnection> {
  const connection = new RawConnection(
    home.arrive({ remote: '10.1.2.3:4567', arrival: { isPrivate: true, certificateNames: [], ...from } }),
  )
  await connection.hello()
  return connection
}

const describeClicks = (connection: RawConnection) => connection.request('describeStream', { name: 'clicks' })
const codesOf = (connection: RawConnection) => connection.connectionErrors.map(({ code }) => code)

beforeEach(() => {
  now = 0
})
afterEach(async () => {
  vi.useRealTimers()
  await home.server.close()
})

describe('before it is known who asks', () => {
  it('hello says that it must be said', async () => {
    const connection = new RawConnection(serve().stream())
    expect((await connection.hello()).access).toBe('required')
  })

  it('hello, authenticate and ping are served, and nothing else of the table', () => {
    const moment = { isGreeting: false, isKnown: false, isStopping: false }
    const names = Object.keys(operations) as OperationName[]
    const served = names.filter((name) => refusalAt(name, moment) === undefined)
    expect(served.toSorted()).toEqual(['authenticate', 'hello', 'ping'])
    const codes = new Set(names.flatMap((name) => refusalAt(name, moment)?.code ?? []))
    expect([...codes]).toEqual(['unauthenticated'])
  })

  it('a request is refused, and the session stays for who asks', async () => {
    serve()
    const connection = await arrive()
    expect((await rejectionOf(describeClicks(connection))).code).toBe('unauthenticated')
    await connection.request('authenticate', { token: shopToken, actAs: undefined })
    await describeClicks(connection)
  })

  it('an event ends the session', async () => {
    serve()
    const connection = await arrive()
    connection.send('credit', { subscriptionId: 1, bytes: 1 })
    await connection.closed
    expect(codesOf(connection)).toEqual(['unauthenticated'])
  })

  it('frames stay as small as before hello', async () => {
    serve()
    const connection = await arrive()
    const large = Buffer.alloc(4)
    large.writeUInt32LE(limits.frameBytesBeforeHello + 1)
    connection.write(large)
    await connection.closed
    expect(codesOf(connection)).toEqual(['frameTooLarge'])
  })

  it('one deadline holds for hello and for who asks', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    serve()
    const connection = await arrive()
    vi.advanceTimersByTime(sessionLimits.helloDeadlineMs - 2 * sessionLimits.sweepMs)
    await connection.request('ping', {})
    expect(codesOf(connection)).toEqual([])
    vi.advanceTimersByTime(3 * sessionLimits.sweepMs)
    await connection.closed
    expect(codesOf(connection)).toEqual(['timedOut'])
  })
})

describe('a token', () => {
  it('opens the session', async () => {
    serve()
    const connection = await arrive()
    expect(await connection.request('authenticate', { token: shopToken, actAs: undefined })).toEqual({
      principal: 'shop',
      expiresAt: undefined,
    })
    expect((await describeClicks(connection)).stream.name).toBe('clicks')
  })

  it('that proves nothing ends the connection, and is counted', async () => {
    serve()
    for (const token of [tokenOf('A', 9), tokenOf('Z', 1), 'mr_', '']) {
      const connection = await arrive()
      expect((await rejectionOf(connection.request('authenticate', { token, actAs: undefined }))).code).toBe(
        'unauthenticated',
      )
      await connection.closed
    }
    expect(home.counted.sums('millrace_logins_failed_total')).toEqual({ '': 4 })
  })

  it('is not taken where others could read it, not even a right one', async () => {
    serve()
    const connection = await arrive({ isPrivate: false })
    const error = await rejectionOf(
      connection.request('authenticate', { token: shopToken, actAs: undefined }),
    )
    expect([error.code, error.message.includes('millraces://')]).toEqual(['unauthenticated', true])
    await connection.closed
  })

  it('of the same principal renews an open session; one of another does not, and leaves it as it is', async () => {
    serve()
    const connection = await arrive()
    await connection.request('authenticate', { token: shopToken, actAs: undefined })
    expect(
      await connection.request('authenticate', { token: tokenOf('C', 3), actAs: undefined }),
    ).toMatchObject({
      expiresAt: 5_000,
    })
    const other = await rejectionOf(
      connection.request('authenticate', { token: auditToken, actAs: undefined }),
    )
    expect(other.code).toBe('invalidArgument')
    await describeClicks(connection)
    // It is known by the second token now.
    home.server.enforce(policyOf({ tokens: [audit, brief] }))
    await describeClicks(connection)
    home.server.enforce(policyOf({ tokens: [audit, shop] }))
    await connection.closed
  })

  it('binds a session also where access is open', async () => {
    const none = [{ name: 'shop', grants: [], certificateNames: [] }]
    serve(policyOf({ access: 'open', principals: none }))
    const connection = await arrive({ isPrivate: true })
    await describeClicks(connection)
    await connection.request('authenticate', { token: shopToken, actAs: undefined })
    expect((await rejectionOf(describeClicks(connection))).code).toBe('streamNotFound')
  })

  it('that expires while the session is open ends it at the next sweep', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    serve()
    const connection = await arrive()
    const steady = await arrive()
    await connection.request('authenticate', { token: tokenOf('C', 3), actAs: undefined })
    await steady.request('authenticate', { token: shopToken, actAs: undefined })
    now = 4_999
    vi.advanceTimersByTime(sessionLimits.sweepMs)
    await describeClicks(connection)
    now = 5_000
    vi.advanceTimersByTime(sessionLimits.sweepMs)
    await connection.closed
    expect(codesOf(connection)).toEqual(['unauthenticated'])
    await describeClicks(steady)
  })
})

describe('a client certificate', () => {
  it('whose name stands for a principal opens the session', async () => {
    serve()
    await describeClicks(await arrive({ isPrivate: false, certificateNames: ['DNS:shop'] }))
  })

  it('whose name stands for nobody opens nothing', async () => {
    serve()
    const connection = await arrive({ certificateNames: ['DNS:other'] })
    expect((await rejectionOf(describeClicks(connection))).code).toBe('unauthenticated')
  })

  it('that no longer stands for its principal ends the session', async () => {
    serve()
    const connection = await arrive({ certificateNames: ['DNS:shop'] })
    home.server.enforce(policyOf({ principals: [{ name: 'shop', grants: [], certificateNames: [] }] }))
    await connection.closed
    expect(codesOf(connection)).toEqual(['unauthenticated'])
  })
})

describe('a new policy', () => {
  it('ends sessions of those who are no longer known, at once, and leaves the others alone', async () => {
    serve()
    const [gone, kept] = [await arrive(), await arrive()]
    await gone.request('authenticate', { token: auditToken, actAs: undefined })
    await kept.request('authenticate', { token: shopToken, actAs: undefined })
    home.server.enforce(policyOf({ tokens: [shop] }))
    await gone.closed
    expect(codesOf(gone)).toEqual(['unauthenticated'])
    await describeClicks(kept)
    expect(codesOf(kept)).toEqual([])
  })

  it('changes what an open session may do', async () => {
    serve()
    const connection = await arrive()
    await connection.request('authenticate', { token: shopToken, actAs: undefined })
    home.server.enforce(policyOf({ principals: [{ name: 'shop', grants: [], certificateNames: [] }] }))
    expect((await rejectionOf(describeClicks(connection))).code).toBe('streamNotFound')
  })

  it('that is older than the one in force counts for nothing', async () => {
    const old = policyOf({ tokens: [shop] })
    serve()
    const connection = await arrive()
    await connection.request('authenticate', { token: auditToken, actAs: undefined })
    home.server.enforce(old)
    await settled()
    await describeClicks(connection)
  })

  it('tells which tokens are in use, also those of sessions that have ended', async () => {
    serve()
    const [first, second] = [await arrive(), await arrive()]
    await first.request('authenticate', { token: shopToken, actAs: undefined })
    await second.request('authenticate', { token: auditToken, actAs: undefined })
    second.close()
    await second.closed
    now = 7
    const uses = home.server.takeTokenUses().toSorted((a, b) => (a.id < b.id ? -1 : 1))
    expect(uses).toEqual([
      { id: idOf('A'), usedAt: 7 },
      { id: idOf('B'), usedAt: 0 },
    ])
    expect(home.server.takeTokenUses()).toEqual([{ id: idOf('A'), usedAt: 7 }])
  })
})
