// Files from elsewhere: fetched once for each version, kept where they cannot be had, exchanged when their owner says so.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FakeS3 } from '../../../delivery/test/support/s3/fake-s3.ts'
import { References } from '../../src/reference/index.ts'
import { s3Source } from '../../src/reference/s3-source.ts'
import { fileServer } from '../support/file-server.ts'

let directory: string
let count = 0
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'references-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const opened = (more: Partial<ConstructorParameters<typeof References>[0]> = {}) =>
  new References({ directory: join(directory, String(count++)), ...more })

it('fetches a file by HTTP again only where it has changed, and exchanges it when it is told to', async () => {
  await using server = await fileServer()
  const name = `${server.url}/rates.csv`
  server.files.set('/rates.csv', 'first')
  const references = opened()
  await references.load([name, '/some/local.csv'])
  const path = references.pathOf(name)
  expect(path.endsWith('/rates.csv')).toBe(true)
  expect(references.pathOf('/some/local.csv')).toBe('/some/local.csv')
  expect(await readFile(path, 'utf8')).toBe('first')
  await references.refresh()
  expect(server.answers).toEqual([200, 304])
  server.files.set('/rates.csv', 'second')
  await references.refresh()
  expect(await readFile(path, 'utf8')).toBe('first')
  references.turn()
  expect(await readFile(path, 'utf8')).toBe('second')
  await references.load([name])
  expect(server.answers).toEqual([200, 304, 200, 304])
  references.close()
  expect(existsSync(path)).toBe(false)
})

it('keeps the copy that it has where a file cannot be had any more, and says so until it can', async () => {
  await using server = await fileServer()
  const name = `${server.url}/rates.csv?token=secret`
  server.files.set('/rates.csv?token=secret', 'kept')
  const references = opened()
  await references.load([name])
  server.status = 503
  await references.refresh()
  expect(references.trouble).toBe(
    `The file ${server.url}/rates.csv cannot be fetched: its server answers 503 Service Unavailable. The copy that was fetched before is used.`,
  )
  references.turn()
  expect(await readFile(references.pathOf(name), 'utf8')).toBe('kept')
  server.status = undefined
  await references.refresh()
  expect(references.trouble).toBeUndefined()
  references.close()
})

it.each<[string, (url: string) => string, string]>([
  ['there is none', (url) => `${url}/none.csv`, 'its server answers 404 Not Found.'],
  ['it is too large', (url) => `${url}/large.csv`, 'it has more than 10 bytes: give the app more for it'],
  ['nobody answers', () => 'http://127.0.0.1:1/x.csv', 'cannot be fetched: '],
])('the first fetching fails where %s, and leaves nothing', async (_, nameOf, reason) => {
  await using server = await fileServer()
  server.files.set('/large.csv', 'more than ten bytes')
  const references = opened({ bytesMax: 10 })
  const name = nameOf(server.url)
  const loading = references.load([name])
  await expect(loading).rejects.toMatchObject({ name: 'ReferenceFault' })
  await expect(loading).rejects.toThrow(reason)
  expect(existsSync(`${references.pathOf(name)}.part`)).toBe(false)
  references.close()
})

it('fetches objects of S3 with the credentials of its surroundings, again only where they have changed', async () => {
  await using fake = await FakeS3.start()
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }
  const references = opened({ s3: s3Source({ endpoint: fake.url, region: 'eu-west-1', credentials }) })
  const put = (text: string) => {
    fake.objects.set('lake/some/rates.csv', { bytes: Buffer.from(text), etag: `"${text}"` })
  }
  put('one')
  const name = 's3://lake/some/rates.csv'
  await references.load([name])
  expect(await readFile(references.pathOf(name), 'utf8')).toBe('one')
  expect(fake.requests.at(-1)!.headers.authorization).toContain('AKIDEXAMPLE')
  await references.refresh()
  put('two')
  await references.refresh()
  references.turn()
  expect(await readFile(references.pathOf(name), 'utf8')).toBe('two')
  expect(fake.operations()).toEqual(['GetObject', 'GetObject', 'GetObject'])
  await expect(references.load(['s3://lake/none.csv'])).rejects.toThrow(
    'The file s3://lake/none.csv cannot be fetched: there is no such object.',
  )
  await expect(references.load(['s3://other/none.csv'])).rejects.toThrow('there is no such bucket')
  references.close()
})
