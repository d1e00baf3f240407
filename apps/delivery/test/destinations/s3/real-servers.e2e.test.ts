// Objects in buckets of servers of S3 that others have written. Skipped for a server that this machine does not have.
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  ListMultipartUploadsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { S3Store } from '../../../src/destinations/s3/s3-store.ts'
import { bytesOf, contentOf, readWhole } from '../../support/s3/contents.ts'
import { realServers, startReal, type RealServer } from '../../support/s3/real-servers.ts'

const MIB = 1024 * 1024
/** S3 takes no smaller parts. */
const PART = 5 * MIB
const never = new AbortController().signal

describe.each(realServers)('$name (skipped where it is not installed)', (kind) => {
  const isHere = kind.program !== undefined
  let server: RealServer
  let client: S3Client
  let store: S3Store

  const storeOf = (destination: object = {}) =>
    S3Store.open(
      {
        type: 's3',
        bucket: 'lake',
        region: 'us-east-1',
        endpoint: server.url,
        credentials: server.credentials,
        ...destination,
      },
      { attemptsMax: 2, partBytes: PART },
    )

  beforeAll(async () => {
    if (!isHere) return
    server = await startReal(kind)
    client = new S3Client({
      endpoint: server.url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: server.credentials,
    })
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }))
    store = await storeOf()
  })
  afterAll(async () => {
    if (!isHere) return
    await store?.close()
    client.destroy()
    await server?.[Symbol.asyncDispose]()
  })

  it.skipIf(!isHere).each([0, 1, MIB, PART, PART + 1, 3 * PART + 17])(
    'writes an object of %i bytes, twice, and reads it back',
    async (count) => {
      const key = `country=DE/2026/${count} ü+.gz`
      for (let life = 0; life < 2; life++) await store.write(key, contentOf(bytesOf(count)), never)
      expect((await readWhole(store, key)).equals(bytesOf(count))).toBe(true)
    },
  )

  it.skipIf(!isHere)('replaces, lists and removes', async () => {
    await store.write('x/a', contentOf(bytesOf(2 * PART)), never)
    await store.write('x/a', contentOf(bytesOf(5)), never)
    await store.write('x/b', contentOf(bytesOf(6)), never)
    const found = []
    for await (const object of store.list('x/', never)) found.push(object)
    expect(found).toEqual([
      { key: 'x/a', bytes: 5 },
      { key: 'x/b', bytes: 6 },
    ])
    await store.remove('x/a', never)
    await store.remove('x/a', never)
    await expect(readWhole(store, 'x/a')).rejects.toMatchObject({ code: 'missing' })
  })

  it.skipIf(!isHere)('leaves no parts of an upload that failed', async () => {
    const broken = {
      bytes: 4 * PART,
      async *chunks() {
        yield bytesOf(3 * PART)
        throw new Error('the spool is gone')
      },
    }
    await expect(store.write('broken', broken, never)).rejects.toThrow('the spool is gone')
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }))
    expect(Uploads).toEqual([])
  })

  it.skipIf(!isHere)('tells a bucket that is not there, and works when it is made', async () => {
    const other = await storeOf({ bucket: 'pond' })
    const write = (count: number) => other.write('a', contentOf(bytesOf(count)), never)
    for (const count of [5, 2 * PART]) await expect(write(count)).rejects.toMatchObject({ code: 'missing' })
    await client.send(new CreateBucketCommand({ Bucket: 'pond' }))
    await write(5)
    await other.remove('a', never)
    await client.send(new DeleteBucketCommand({ Bucket: 'pond' }))
    await expect(write(5)).rejects.toMatchObject({ code: 'missing' })
    await other.close()
  })

  // moto verifies no signatures.
  it.skipIf(!isHere || kind.name === 'moto')('tells credentials that are not valid', async () => {
    const { accessKeyId } = server.credentials
    for (const credentials of [
      { accessKeyId, secretAccessKey: 'wrong' },
      { accessKeyId: 'nobody', secretAccessKey: 'wrong' },
    ]) {
      const stranger = await storeOf({ credentials })
      await expect(stranger.write('a', contentOf(bytesOf(5)), never)).rejects.toMatchObject({
        code: 'denied',
      })
      await stranger.close()
    }
  })
})
