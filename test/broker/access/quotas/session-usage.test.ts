// What sessions use against the quotas of their addresses and principals.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Accounts } from '../../../../broker/access/quotas/accounts.ts'
import { noQuotaSettings, type QuotaSettings } from '../../../../broker/access/quotas/quotas.ts'
import { SessionUsage } from '../../../../broker/access/quotas/session-usage.ts'

function accountsOf(settings: Partial<QuotaSettings>, idleMax = 100) {
  const clock = { now: 0 }
  const accounts = new Accounts({
    settings: { ...noQuotaSettings, ...settings },
    elapsed: () => clock.now,
    idleMax,
  })
  const usedUp: string[] = []
  const session = (address?: string) => new SessionUsage(accounts, address, (quota) => usedUp.push(quota))
  return { clock, accounts, usedUp, session }
}

/** A request that arrives in a chunk of its own. */
function request(session: SessionUsage) {
  session.received(0)
  return session.request()
}

describe('SessionUsage', () => {
  it('connect: refuses the connection that its address has too many of, until another has ended', () => {
    const { session, usedUp } = accountsOf({ address: { connections: 2 } })
    const sessions = [session('a'), session('a'), session('b')]
    expect(sessions.map((each) => each.connect())).toEqual([undefined, undefined, undefined])
    const third = session('a')
    expect(third.connect()).toMatchObject({ code: 'limitExceeded', quota: 'connections' })
    expect(usedUp).toEqual(['connections'])
    third.end()
    sessions[0]!.end()
    expect(session('a').connect()).toBeUndefined()
  })

  it('has no quota of an address where it has none', () => {
    const { session } = accountsOf({ address: { connections: 0, requests: 1 } })
    const local = session()
    expect(local.connect()).toBeUndefined()
    for (let i = 0; i < 10; i++) expect(request(local)).toBeUndefined()
  })

  it('identify: counts a session and its subscriptions for the principal, whatever addresses they come from', () => {
    const { session } = accountsOf({ principals: { shop: { connections: 2, subscriptions: 3 } } })
    const [first, second, third] = [session('a'), session('b'), session('c')] as const
    expect(first.subscribe()).toBeUndefined()
    expect(first.identify('shop')).toBeUndefined()
    expect(second.identify('shop')).toBeUndefined()
    expect(third.identify('shop')).toMatchObject({ code: 'limitExceeded', quota: 'connections' })
    expect(second.subscribe()).toBeUndefined()
    expect(second.subscribe()).toBeUndefined()
    expect(second.subscribe()?.message).toContain('Principal shop may have 3 subscriptions')
    first.end()
    expect(second.subscribe()).toBeUndefined()
    third.end()
    expect(session('d').identify('shop')).toBeUndefined()
  })

  it('request: refuses what comes too early with the time to wait, and takes nothing where another account refuses', () => {
    const { session, clock } = accountsOf({ principal: { requests: 10 }, address: { requests: 100 } })
    const one = session('a')
    one.identify('shop')
    const taken = () =>
      Array.from({ length: 30 }, () => request(one)).filter((refusal) => refusal === undefined)
    expect(taken()).toHaveLength(10)
    const refusal = request(one)
    expect(refusal).toMatchObject({ code: 'throttled', quota: 'requests', retryAfterMs: expect.any(Number) })
    clock.now += refusal!.retryAfterMs!
    expect(request(one)).toBeUndefined()
    // Twenty refusals by the principal cost its address nothing.
    const other = session('a')
    other.identify('bank')
    clock.now = 0
    let left = 0
    while (request(other) === undefined) left++
    expect(left).toBe(10)
  })

  it('received and sent: say how long to pause, by what the account owes', () => {
    const { session, usedUp } = accountsOf({ address: { bytesIn: 1000, bytesOut: 2000 } })
    const one = session('a')
    expect(one.received(999)).toBe(0)
    expect(one.received(1001)).toBeGreaterThanOrEqual(1000)
    expect(one.sent(4000)).toBeGreaterThanOrEqual(1000)
    expect(usedUp).toEqual(['bytesIn', 'bytesOut'])
  })

  it('gives a client nothing for coming back on a new connection', () => {
    const { session, clock, accounts } = accountsOf({ address: { requests: 5 } })
    let served = 0
    for (let i = 0; i < 50; i++) {
      const one = session('a')
      if (request(one) === undefined) served++
      one.end()
    }
    expect(served).toBe(5)
    expect(accounts.size).toBe(1)
    clock.now = 2000
    session('a').end()
    expect(accounts.size).toBe(0)
  })

  it('admits no more than the rate and one second of it, and keeps a bounded number of accounts, whoever comes and goes', () => {
    const steps = fc.array(
      fc.record({
        who: fc.integer({ min: 0, max: 40 }),
        what: fc.constantFrom('open' as const, 'request' as const, 'request' as const, 'end' as const),
        laterMs: fc.integer({ min: 0, max: 50 }),
      }),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(steps, (all) => {
        const { session, clock, accounts } = accountsOf({ principal: { requests: 10 } }, 8)
        const open = new Map<number, SessionUsage>()
        const admitted = new Map<number, number>()
        const reconnected = new Set<number>()
        for (const { who, what, laterMs } of all) {
          clock.now += laterMs
          const own = open.get(who)
          if (what === 'open' && own === undefined) {
            const opened = session()
            opened.identify(`p${who}`)
            open.set(who, opened)
          } else if (what === 'end' && own !== undefined) {
            own.end()
            open.delete(who)
            reconnected.add(who)
          } else if (what === 'request' && own !== undefined && request(own) === undefined) {
            admitted.set(who, (admitted.get(who) ?? 0) + 1)
          }
          expect(accounts.size).toBeLessThanOrEqual(open.size + 8)
        }
        const most = 10 * (clock.now / 1000 + 1) + 1
        // An account that was forgotten for room begins anew; one that never left has its rate.
        for (const [who, count] of admitted)
          if (!reconnected.has(who)) expect(count).toBeLessThanOrEqual(most)
      }),
    )
  })

  it('largestParts: tells how much of its quota the one uses that uses most of it', () => {
    const { session, accounts } = accountsOf({
      principals: { shop: { connections: 4, requests: 10 }, bank: { connections: 2 } },
    })
    session('a').identify('shop')
    const bank = session('b')
    bank.identify('bank')
    expect(accounts.largestParts().get('connections')).toBe(0.5)
    bank.end()
    expect(accounts.largestParts().get('connections')).toBe(0.25)
    expect(accounts.largestParts().get('requests')).toBe(0)
    expect(accounts.largestParts().get('streams')).toBe(0)
  })
})
