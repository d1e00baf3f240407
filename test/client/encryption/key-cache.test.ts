// The cache asks a provider once for what many wait for, believes an answer for a bounded time, and keeps a bounded number.
import { describe, expect, it } from 'vitest'
import { KeyCache } from '../../../client/encryption/key-cache.ts'
import type { Key } from '../../../client/index.ts'
import { deferred } from '../../../client/waiting.ts'

const keyOf = (id: string): Key => ({ id, bytes: Buffer.alloc(32, id) })

function cacheOf(key: (id: string, stream: string) => unknown, lifetimeMs = 60_000) {
  const asked: string[] = []
  const time = { now: 0 }
  const cache = new KeyCache({
    provider: {
      current: (stream) => keyOf(`current of ${stream}`.replaceAll(' ', '-')),
      key: (id, stream) => {
        asked.push(`${stream}/${id}`)
        return key(id, stream) as Key
      },
    },
    lifetimeMs,
    answerMsMax: 1000,
    monotonic: () => time.now,
  })
  return { cache, asked, time }
}

describe('KeyCache', () => {
  it('asks once for a key that many wait for, and for each stream by itself', async () => {
    const gate = deferred<Key>()
    const { cache, asked } = cacheOf(() => gate.promise)
    const waiting = [cache.ask('a', 's'), cache.ask('a', 's'), cache.ask('a', 't')]
    gate.resolve(keyOf('a'))
    const secrets = await Promise.all(waiting)
    expect(secrets[0]).toBe(secrets[1])
    expect(asked).toEqual(['s/a', 't/a'])
    expect(cache.known('a', 's')).toBe(secrets[0])
  })

  it('believes a key for its lifetime, and its absence for seconds', async () => {
    const { cache, time } = cacheOf((id) => (id === 'gone' ? undefined : keyOf(id)))
    await cache.ask('a', 's')
    expect(await cache.ask('gone', 's')).toBeNull()
    expect(cache.known('gone', 's')).toBeNull()
    time.now = 4999
    expect(cache.known('gone', 's')).toBeNull()
    time.now = 5000
    expect(cache.known('gone', 's')).toBeUndefined()
    time.now = 59_999
    expect(cache.known('a', 's')).toBeDefined()
    time.now = 60_000
    expect(cache.known('a', 's')).toBeUndefined()
  })

  it('says in half of its lifetime that the current key is to be asked for, and gives it to the end', async () => {
    const { cache, asked, time } = cacheOf(() => undefined)
    expect(cache.current('s')).toEqual({ key: undefined, isDue: true })
    const key = await cache.askCurrent('s')
    expect(cache.current('s')).toEqual({ key, isDue: false })
    time.now = 30_000
    expect(cache.current('s')).toEqual({ key, isDue: true })
    time.now = 60_000
    expect(cache.current('s')).toEqual({ key: undefined, isDue: true })
    // What one writes, one can read, without asking for it.
    time.now = 0
    expect(cache.known(key.id, 's')).toBe(key.secret)
    expect(asked).toEqual([])
  })

  it('remembers no failure: the next one who asks asks the provider', async () => {
    let isDown = true
    const { cache, asked } = cacheOf((id) => {
      if (isDown) throw new Error('down')
      return keyOf(id)
    })
    await expect(cache.ask('a', 's')).rejects.toMatchObject({ code: 'keyProviderFailed', retry: 'backoff' })
    isDown = false
    expect(await cache.ask('a', 's')).toBeTruthy()
    expect(asked).toHaveLength(2)
  })

  it('refuses the key of another id', async () => {
    const { cache } = cacheOf(() => keyOf('b'))
    await expect(cache.ask('a', 's')).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('it has the id b') as string,
    })
  })

  it.each(['c2VjcmV0', { id: 'a', bytes: 'c2VjcmV0' }, { id: ['c2VjcmV0'], bytes: Buffer.alloc(32) }])(
    'tells nothing of what is no key, which may be a key in another form: %j',
    async (given) => {
      const { cache } = cacheOf(() => given)
      await expect(cache.ask('a', 's')).rejects.toMatchObject({
        code: 'invalidArgument',
        message: expect.not.stringContaining('c2VjcmV0') as string,
      })
    },
  )

  it('forgets the oldest of very many ids, which anyone may make up', async () => {
    const { cache } = cacheOf((id) => keyOf(id))
    for (let i = 0; i < 1100; i++) await cache.ask(`id-${i}`, 's')
    expect(cache.known('id-0', 's')).toBeUndefined()
    expect(cache.known('id-75', 's')).toBeUndefined()
    expect(cache.known('id-76', 's')).toBeDefined()
    expect(cache.known('id-1099', 's')).toBeDefined()
  })
})
