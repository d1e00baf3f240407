// Objects in a bucket of a server that fails as the test tells it to. Sockets of this process.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { S3Store } from '../../../src/destinations/s3/s3-store.ts'
import { bytesOf, contentOf, readWhole } from '../../support/s3/contents.ts'
import { FakeS3, type Misdeed } from '../../support/s3/fake-s3.ts'

const MIB = 1024 * 1024
const never = new AbortController().signal

let server: FakeS3
let store: S3Store

beforeEach(async () => {
  server = await FakeS3.start()
  store = await storeOf()
})
afterEach(async () => {
  await store.close()
  await server[Symbol.asyncDispose]()
})

const storeOf = (options: Parameters<typeof S3Store.open>[1] = {}, destination: object = {}) =>
  S3Store.open(
    {
      type: 's3',
      bucket: 'lake',
      region: 'us-east-1',
      endpoint: server.url,
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
      ...destination,
    },
    { attemptsMax: 1, partBytes: MIB, ...options },
  )

const stored = (key: string): Buffer | undefined => server.objects.get(`lake/${key}`)?.bytes

/** Compares whole: matchers go through megabytes one byte after the other, for seconds. */
function expectStored(key: string, bytes: Buffer): void {
  expect(stored(key)?.equals(bytes)).toBe(true)
}

/** Misbehaves at the first so many requests of an operation. */
function misbehave(operation: string, misdeed: Misdeed, times = Infinity): void {
  let left = times
  server.misdeed = (request) => (request.operation === operation && left-- > 0 ? misdeed : undefined)
}

describe('write', () => {
  it.each([0, 1, MIB - 1, MIB])('puts an object of %i bytes, one part, at once', async (count) => {
    await store.write('year=2026/a b+ü.gz', contentOf(bytesOf(count)), never)
    expectStored('year=2026/a b+ü.gz', bytesOf(count))
    expect(server.operations()).toEqual(['PutObject'])
  })

  it.each([MIB + 1, 3 * MIB, 5 * MIB + 7])('uploads an object of %i bytes in parts', async (count) => {
    await store.write('large', contentOf(bytesOf(count)), never)
    expectStored('large', bytesOf(count))
    expect(server.operations().filter((name) => name === 'UploadPart')).toHaveLength(Math.ceil(count / MIB))
    expect(server.uploads.size).toBe(0)
  })

  it('writes a content whose size is not known', async () => {
    await store.write('unsized', contentOf(bytesOf(2 * MIB + 5), { isSized: false }), never)
    expectStored('unsized', bytesOf(2 * MIB + 5))
  })

  it('replaces the object of the same key, large by small and small by large', async () => {
    for (const count of [10, 2 * MIB + 1, 11]) {
      await store.write('same', contentOf(bytesOf(count)), never)
      expectStored('same', bytesOf(count))
    }
  })

  it('sends as many parts at a time as it may, and no more', async () => {
    let running = 0
    let most = 0
    const parts = new Set<string>()
    server.misdeed = ({ operation, query }) => {
      if (operation === 'UploadPart') parts.add(query.get('partNumber')!)
      return undefined
    }
    const content = contentOf(bytesOf(8 * MIB), { chunk: MIB })
    const watched = {
      ...content,
      async *chunks() {
        for await (const chunk of content.chunks()) {
          running += 1
          most = Math.max(most, running - parts.size)
          yield chunk
        }
      },
    }
    await store.write('parts', watched, never)
    // Read ahead of what has arrived: three under way, and the two slices that told it apart from a small object.
    expect(most).toBeLessThanOrEqual(5)
    expect(parts.size).toBe(8)
  })

  it('aborts what an earlier life left of the same key, and of no other', async () => {
    server.uploads.set('left', { bucket: 'lake', key: 'large', parts: new Map() })
    server.uploads.set('of another', { bucket: 'lake', key: 'large-too', parts: new Map() })
    await store.write('large', contentOf(bytesOf(2 * MIB)), never)
    expect([...server.uploads.keys()]).toEqual(['of another'])
  })

  it('does without the list of uploads where it may not ask for it', async () => {
    misbehave('ListMultipartUploads', { status: 403, code: 'AccessDenied' })
    await store.write('large', contentOf(bytesOf(2 * MIB)), never)
    expectStored('large', bytesOf(2 * MIB))
  })

  it('is done where the upload was completed, and only the answer was lost', async () => {
    await store.close()
    store = await storeOf({ attemptsMax: 2 })
    misbehave('CompleteMultipartUpload', 'lose answer', 1)
    await store.write('large', contentOf(bytesOf(2 * MIB)), never)
    expectStored('large', bytesOf(2 * MIB))
    expect(server.operations().filter((name) => name === 'CompleteMultipartUpload')).toHaveLength(2)
  })

  it('does not take the object of an earlier write for one whose upload is gone', async () => {
    await store.write('large', contentOf(bytesOf(3 * MIB)), never)
    misbehave('CompleteMultipartUpload', { status: 404, code: 'NoSuchUpload' })
    await expect(store.write('large', contentOf(bytesOf(2 * MIB)), never)).rejects.toMatchObject({
      code: 'unreachable',
      retry: true,
    })
  })
})

describe('a write that fails', () => {
  const large = () => contentOf(bytesOf(6 * MIB))

  it.each<[string, Misdeed, RegExp]>([
    ['credentials that expire', { status: 400, code: 'ExpiredToken' }, /have expired/],
    ['a bucket that is gone', { status: 404, code: 'NoSuchBucket' }, /has no bucket/],
    ['a connection that is cut', 'cut', /cannot be reached/],
  ])('in the middle of an upload, by %s, leaves no object and no parts', async (_, misdeed, reason) => {
    let sent = 0
    server.misdeed = ({ operation }) => (operation === 'UploadPart' && ++sent > 2 ? misdeed : undefined)
    const content = large()
    await expect(store.write('large', content, never)).rejects.toThrow(reason)
    expect(stored('large')).toBeUndefined()
    expect(server.uploads.size).toBe(0)
    expect(content.closed).toBe(content.opened)
  })

  it('leaves the object that was there', async () => {
    await store.write('large', contentOf(bytesOf(10)), never)
    misbehave('UploadPart', { status: 500, code: 'InternalError' })
    await expect(store.write('large', large(), never)).rejects.toMatchObject({ code: 'unreachable' })
    expectStored('large', bytesOf(10))
  })

  it('succeeds when it is tried again', async () => {
    misbehave('UploadPart', { status: 503, code: 'SlowDown' }, 1)
    const content = large()
    await expect(store.write('large', content, never)).rejects.toMatchObject({ code: 'throttled' })
    await store.write('large', content, never)
    expectStored('large', bytesOf(6 * MIB))
  })

  it('is noticed where a part arrives as another one than was sent', async () => {
    misbehave('UploadPart', 'wrong etag', 1)
    await expect(store.write('large', large(), never)).rejects.toMatchObject({
      code: 'unreachable',
      retry: true,
      message: expect.stringContaining('other bytes'),
    })
    expect(server.uploads.size).toBe(0)
  })

  it('closes its content where the upload cannot even begin', async () => {
    misbehave('CreateMultipartUpload', { status: 403, code: 'AccessDenied' })
    const content = large()
    await expect(store.write('large', content, never)).rejects.toMatchObject({ code: 'denied' })
    expect([content.opened, content.closed]).toEqual([1, 1])
  })

  it('ends with the signal that ends it, and aborts the upload', async () => {
    const ending = new AbortController()
    server.misdeed = ({ operation }) => {
      if (operation !== 'UploadPart') return undefined
      ending.abort(new Error('the lease is lost'))
      return 'hang'
    }
    await expect(store.write('large', large(), ending.signal)).rejects.toThrow('the lease is lost')
    expect(server.uploads.size).toBe(0)
  })

  it('rejects as its content does', async () => {
    const broken = {
      bytes: 4 * MIB,
      async *chunks() {
        yield bytesOf(3 * MIB)
        throw new Error('the spool is gone')
      },
    }
    await expect(store.write('large', broken, never)).rejects.toThrow('the spool is gone')
    expect(server.uploads.size).toBe(0)
  })
})

describe('what a fault says', () => {
  const wrote = () => store.write('a', contentOf(bytesOf(10)), never)

  it.each<[Misdeed, string, boolean, RegExp]>([
    [{ status: 404, code: 'NoSuchBucket' }, 'missing', false, /no bucket lake: create it/],
    [{ status: 403, code: 'AccessDenied' }, 'denied', false, /allow s3:PutObject/],
    [{ status: 403, code: 'InvalidAccessKeyId' }, 'denied', false, /valid credentials/],
    [{ status: 403, code: 'SignatureDoesNotMatch' }, 'denied', false, /valid credentials/],
    [{ status: 400, code: 'ExpiredToken' }, 'denied', true, /have expired: renew/],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, 'denied', true, /set the clock/],
    [{ status: 503, code: 'SlowDown' }, 'throttled', true, /slow down/],
    [{ status: 503 }, 'throttled', true, /slow down/],
    [{ status: 429 }, 'throttled', true, /slow down/],
    [{ status: 500, code: 'InternalError' }, 'unreachable', true, /InternalError/],
    [{ status: 502 }, 'unreachable', true, /tried again/],
    [{ status: 507 }, 'full', true, /make room/],
    [{ status: 403, code: 'QuotaExceeded' }, 'full', true, /raise the quota/],
    [{ status: 400, code: 'KeyTooLongError' }, 'refused', false, /KeyTooLongError/],
    [
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
      'refused',
      false,
      /is in the region eu-west-1/,
    ],
    ['cut', 'unreachable', true, /cannot be reached/],
  ])('%j: %s, retry %s', async (misdeed, code, retry, message) => {
    misbehave('PutObject', misdeed)
    await expect(wrote()).rejects.toMatchObject({
      name: 'DeliveryFault',
      code,
      retry,
      message: expect.stringMatching(message),
    })
  })

  it('tells a server that hangs', async () => {
    await store.close()
    store = await storeOf({ idleMs: 200 })
    misbehave('PutObject', 'hang')
    await expect(wrote()).rejects.toMatchObject({
      code: 'unreachable',
      retry: true,
      message: expect.stringContaining('in time'),
    })
  })

  it('tells a server that is not there', async () => {
    await store.close()
    store = await storeOf({}, { endpoint: 'http://127.0.0.1:1' })
    await expect(wrote()).rejects.toMatchObject({
      code: 'unreachable',
      retry: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('tries requests again by itself before it is one', async () => {
    await store.close()
    store = await storeOf({ attemptsMax: 3 })
    misbehave('PutObject', { status: 503, code: 'SlowDown' }, 2)
    await wrote()
    expect(server.operations()).toEqual(['PutObject', 'PutObject', 'PutObject'])
  })
})

describe('reading back', () => {
  it('lists over pages, in the order of keys, what begins with a prefix', async () => {
    for (const key of ['e/3', 'e/1', 'f/1', 'e/2']) await store.write(key, contentOf(bytesOf(4)), never)
    const found = []
    for await (const object of store.list('e/', never)) found.push(object)
    expect(found).toEqual(['e/1', 'e/2', 'e/3'].map((key) => ({ key, bytes: 4 })))
  })

  it('reads an object, and tells one that is not there', async () => {
    await store.write('a', contentOf(bytesOf(100)), never)
    expect(await readWhole(store, 'a')).toEqual(bytesOf(100))
    await expect(readWhole(store, 'b')).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('no object b'),
    })
  })
})

describe('a read that fails', () => {
  it('tells an object that is cut off', async () => {
    await store.write('a', contentOf(bytesOf(100)), never)
    misbehave('GetObject', 'cut')
    await expect(readWhole(store, 'a')).rejects.toMatchObject({ code: 'unreachable', retry: true })
  })

  it('tells a bucket that is gone', async () => {
    server.buckets.clear()
    await expect(readWhole(store, 'a')).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('no bucket lake'),
    })
  })
})

describe('remove', () => {
  it('removes the object, and what unfinished uploads of it have left', async () => {
    await store.write('a', contentOf(bytesOf(4)), never)
    server.uploads.set('left', { bucket: 'lake', key: 'a', parts: new Map() })
    await store.remove('a', never)
    expect(stored('a')).toBeUndefined()
    expect(server.uploads.size).toBe(0)
  })

  it('does nothing where there is no such object', async () => {
    await store.remove('nothing', never)
  })
})
