// What stands before the requests to an HTTP endpoint: waits, urls, and turns. Pure.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../../src/destinations/http/http-backoff.ts'
import { httpUrlFlaw } from '../../../src/destinations/http/http-request.ts'
import { HttpSink } from '../../../src/destinations/http/http-sink.ts'
import { Turns } from '../../../src/destinations/http/turns.ts'

describe('backoffMs', () => {
  it('doubles from one second to two minutes', () => {
    expect([1, 2, 3, 7, 8, 50].map((attempts) => backoffMs(attempts, 0.5))).toEqual([
      1000, 2000, 4000, 64_000, 120_000, 120_000,
    ])
  })

  it('differs from that by at most 15 %, and is never above two minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, random) => {
          const plain = backoffMs(n, 0.5)
          const found = backoffMs(n, random)
          expect(found).toBeGreaterThanOrEqual(plain * 0.85)
          expect(found).toBeLessThanOrEqual(Math.min(plain * 1.15, 120_000))
        },
      ),
    )
  })
})

describe('httpUrlFlaw', () => {
  it.each([
    { url: 'https://collector.example/in', accessKey: 'key' },
    { url: 'http://localhost:8080/', accessKey: 'key' },
    { url: 'http://127.0.0.1/', accessKey: 'key' },
    { url: 'http://[::1]:9/', accessKey: 'key' },
    { url: 'http://collector:8080/in' },
  ])('takes $url, access key $accessKey', (destination) => {
    expect(httpUrlFlaw(destination)).toBeUndefined()
  })

  it.each([
    [{ url: 'collector.example' }, /no url/],
    [{ url: 'ftp://collector.example' }, /no address of HTTP/],
    [{ url: 'https://me:secret@collector.example' }, /use the access key/],
    [
      { url: 'http://collector:8080/in', accessKey: 'key' },
      /could be read on the way to collector: use https/,
    ],
    [{ url: 'http://127.evil.example/', accessKey: 'key' }, /could be read/],
  ])('refuses %j', (destination, reason) => {
    expect(httpUrlFlaw(destination)).toMatch(reason)
  })

  it('keeps a sink from being made', () => {
    const destination = { type: 'http', url: 'ftp://a', contentEncoding: 'none', retryMs: 0 } as const
    const rim = { fetch, now: () => 0, random: () => 0, sleep: async () => {} }
    expect(() => new HttpSink({ destination, sourceArn: 'arn' }, rim)).toThrow(/no address of HTTP/)
  })
})

describe('Turns', () => {
  const never = new AbortController().signal

  it('gives a turn to whoever waits the longest', async () => {
    const turns = new Turns(1)
    const order: string[] = []
    const first = await turns.take(never)
    const others = ['a', 'b'].map(async (name) => {
      await using _turn = await turns.take(never)
      order.push(name)
    })
    await first[Symbol.asyncDispose]()
    await Promise.all(others)
    expect(order).toEqual(['a', 'b'])
    await (await turns.take(never))[Symbol.asyncDispose]()
  })

  it('passes over whoever has stopped to wait', async () => {
    const turns = new Turns(1)
    const stop = new AbortController()
    const first = await turns.take(never)
    const stopped = turns.take(stop.signal)
    const next = turns.take(never)
    stop.abort(new Error('enough'))
    await expect(stopped).rejects.toThrow('enough')
    await first[Symbol.asyncDispose]()
    await (await next)[Symbol.asyncDispose]()
    await (await turns.take(never))[Symbol.asyncDispose]()
  })
})
