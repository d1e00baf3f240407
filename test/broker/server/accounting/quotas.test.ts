// Quotas of addresses and principals at a server: what is refused, what waits, and what is told of it.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Policy } from '../../../../broker/access/policy.ts'
import { noQuotaSettings, type QuotaSettings } from '../../../../broker/access/quotas/quotas.ts'
import { limits } from '../../../../protocol/index.ts'
import { RawConnection } from '../../../support/raw-connection.ts'
import { outcomeOf, rejectionOf } from '../../../support/rejection.ts'
import { clicks, serving, type Serving, type ServingOptions } from '../serving.ts'

let home: Serving | undefined
afterEach(() => home?.server.close())

const SOON = { timeout: 60_000 }

function quotas(settings: Partial<QuotaSettings>, options: ServingOptions<'describeStream'> = {}) {
  const events: { event: string; [fact: string]: unknown }[] = []
  const audit = { record: (event: string, facts: object) => void events.push({ event, ...facts }) }
  const own = serving<'describeStream'>(
    { describeStream: () => ({ stream: clicks }) },
    { quotas: { ...noQuotaSettings, ...settings }, audit, ...options },
  )
  home = own
  const from = async (remote: string) => {
    const connection = new RawConnection(own.stream(remote))
    await connection.hello()
    return connection
  }
  return { ...own, events, from }
}

const ask = (connection: RawConnection) => connection.request('describeStream', { name: 'clicks' })

describe('the quota of connections', () => {
  it('turns away what is too much from an address, and nobody else, and has room again', async () => {
    const { from, stream, counted, events } = quotas({ address: { connections: 2 } })
    const first = await from('10.0.0.1:1')
    await from('10.0.0.1:2')
    const third = new RawConnection(stream('10.0.0.1:3'))
    await third.closed
    expect(third.connectionErrors).toMatchObject([
      { code: 'limitExceeded', message: expect.stringContaining('Address 10.0.0.1 may have 2 connections') },
    ])
    await from('10.0.0.2:1')
    for (let i = 0; i < 5; i++) await from(`127.0.0.1:${i}`)
    expect(counted.sums('millrace_quota_refusals_total')).toEqual({ connections: 1 })
    expect(events).toMatchObject([
      { event: 'quotaExceeded', address: '10.0.0.1:3', outcome: 'limitExceeded' },
    ])
    first.close()
    await first.closed
    await vi.waitFor(
      async () => expect(await outcomeOf(ask(await from('10.0.0.1:4')))).toBe('answered'),
      SOON,
    )
  })

  it('counts a principal wherever it comes from', async () => {
    const policy = new Policy({
      version: 1,
      access: 'open',
      principals: [{ name: 'shop', grants: [], certificateNames: ['DNS:shop'] }],
      tokens: [],
    })
    const { server, events } = quotas({ principals: { shop: { connections: 1 } } }, { policy })
    const { inProcessPair } = await import('../../../../broker/server/transport/in-process.ts')
    const certified = (remote: string) => {
      const [near, far] = inProcessPair()
      server.accept(far, { remote, arrival: { isPrivate: true, certificateNames: ['DNS:shop'] } })
      return new RawConnection(near)
    }
    const first = certified('10.0.0.1:1')
    await first.hello()
    const second = certified('10.0.0.2:1')
    await outcomeOf(second.hello())
    await second.closed
    expect(second.connectionErrors.map(({ code }) => code)).toEqual(['limitExceeded'])
    expect(events).toMatchObject([{ event: 'quotaExceeded', principal: 'shop' }])
  })
})

describe('the quota of requests', () => {
  it('refuses with the time to wait, does nothing, and never refuses a ping', async () => {
    const { from, events } = quotas({ address: { requests: 3 } })
    const connection = await from('10.0.0.1:1')
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(ask(connection))))
    expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeLessThan(20)
    const refused = await rejectionOf(
      (async () => {
        for (;;) await ask(connection)
      })(),
    )
    expect(refused).toMatchObject({ code: 'throttled', retry: 'backoff', sideEffects: 'none' })
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    await connection.request('ping', {})
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'quotaExceeded', operation: 'describeStream', outcome: 'throttled' }),
    )
    const wait = refused.retryAfterMs!
    await vi.waitFor(async () => {
      await new Promise((resolve) => setTimeout(resolve, wait))
      expect(await outcomeOf(ask(connection))).toBe('answered')
    }, SOON)
  })
})

describe('the quotas of bytes', () => {
  it('let a client that sends too much wait, and refuse nothing', async () => {
    const { from, counted } = quotas({ address: { bytesIn: 4096 } })
    const connection = await from('10.0.0.1:1')
    const name = 'x'.repeat(limits.streamNameLengthMax)
    const long = (): Promise<unknown> => connection.request('describeStream', { name })
    const outcomes = await Promise.all(Array.from({ length: 80 }, () => outcomeOf(long())))
    expect(new Set(outcomes)).toEqual(new Set(['answered']))
    expect(counted.sum('millrace_quota_refusals_total', 'bytesIn')).toBeGreaterThan(0)
  })

  it('let a client that is sent too much wait, and refuse nothing', async () => {
    const { from, counted } = quotas({ address: { bytesOut: 4096 } })
    const connection = await from('10.0.0.1:1')
    const outcomes: string[] = []
    const pauses = () => counted.sum('millrace_quota_refusals_total', 'bytesOut')
    while (pauses() < 2) outcomes.push(await outcomeOf(ask(connection)))
    expect(new Set(outcomes)).toEqual(new Set(['answered']))
  })

  it('end with their session: a pause that is over touches nothing', async () => {
    const { from, server } = quotas({ address: { bytesIn: 50 } })
    const connection = await from('10.0.0.1:1')
    void outcomeOf(ask(connection))
    connection.close()
    await connection.closed
    await vi.waitFor(() => expect(server.sessionCount).toBe(0), SOON)
  })
})

describe('the quota of failed logins', () => {
  it('turns an address away after too many wrong tokens, and tells of it', async () => {
    const policy = new Policy({ version: 1, access: 'required', principals: [], tokens: [] })
    const { stream, from, events, counted } = quotas({ address: { failedLogins: 2 } }, { policy })
    const wrong = `mr_${'A'.repeat(16)}_${'A'.repeat(43)}`
    for (let i = 0; i < 10; i++) {
      const connection = new RawConnection(stream(`10.0.0.1:${i}`))
      const outcome = await outcomeOf(
        connection.hello().then(() => connection.request('authenticate', { token: wrong, actAs: undefined })),
      )
      if (outcome === 'connectionLost') break
      expect(outcome).toBe('unauthenticated')
    }
    expect(counted.sum('millrace_quota_refusals_total', 'failedLogins')).toBeGreaterThan(0)
    const told = events.map(({ event }) => event)
    expect(told).toContain('loginFailed')
    expect(told).toContain('loginsThrottled')
    expect(JSON.stringify(events)).not.toContain('A'.repeat(43))
    await from('10.0.0.2:1')
  })
})
