// Documents in a whole broker on a disk: they outlive it, damage is told, and a flush that fails ends the broker.
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBroker, type Broker, type BrokerOptions } from '../../broker/broker.ts'
import { openLmdb } from '../../broker/storage/environment.ts'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { encodeSmallKey } from '../../broker/storage/small-rows/row-bytes.ts'
import { openSmallRows, smallRowsPath } from '../../broker/storage/small-rows/store.ts'
import { RawConnection } from '../support/raw-connection.ts'
import { FaultyDisk, flipped } from '../support/disk/storage.ts'
import { outcomeOf, rejectionOf } from '../support/rejection.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-documents-'))
})
afterEach(async () => {
  await rm(dataDir, { recursive: true })
})

const start = (options: BrokerOptions = {}) => createBroker({ listen: false, dataDir, ...options })

async function dial(broker: Broker): Promise<RawConnection> {
  const connection = new RawConnection(await broker.dial({ host: 'in-process', port: 0 }))
  await connection.hello()
  return connection
}

async function put(control: RawConnection, name: string, content: string, expectedVersion?: number) {
  const request = { kind: 'plans', name, content: Buffer.from(content), expectedVersion }
  return (await control.request('putDocument', request)).version
}

async function list(control: RawConnection): Promise<string[]> {
  const request = { kind: 'plans', prefix: undefined, limit: 100, exclusiveStartName: undefined }
  const { documents } = await control.request('listDocuments', request)
  return documents.map(
    ({ name, version, content }) => `${name} ${version} ${Buffer.from(content).toString()}`,
  )
}

async function problems(): Promise<string[]> {
  return (await checkDataDirectory(dataDir)).problems.map(({ what }) => what)
}

test('documents: are there after a restart, are counted, and lie where nobody else reads them', async () => {
  {
    await using broker = await start()
    const control = await dial(broker)
    await Promise.all(Array.from({ length: 20 }, (_, at) => put(control, `d${at + 10}`, `${at}`)))
    await control.request('deleteDocument', { kind: 'plans', name: 'd10', expectedVersion: undefined })
  }
  expect(await problems()).toEqual([])
  expect((await stat(smallRowsPath(dataDir))).mode & 0o777).toBe(0o700)
  await using broker = await start()
  const control = await dial(broker)
  const documents = await list(control)
  expect(documents.map((text) => text.split(' ')[0])).toEqual(
    Array.from({ length: 19 }, (_, at) => `d${at + 11}`),
  )
  const version = await put(control, 'd11', 'new', Number(documents[0]!.split(' ')[1]))
  expect(version).toBeGreaterThan(21)
  const metrics = await broker.metrics()
  expect(metrics).toMatch(/^millrace_documents 19$/m)
  expect(metrics).toMatch(/^millrace_document_bytes [1-9]\d+$/m)
  expect(metrics).toMatch(/^millrace_small_commit_seconds_count 1$/m)
})

test('documents: a conflict tells the current version over the wire', async () => {
  await using broker = await start()
  const control = await dial(broker)
  const version = await put(control, 'a', 'one')
  const conflict = await rejectionOf(put(control, 'a', 'two', 0))
  expect([conflict.code, conflict.currentVersion]).toEqual(['versionConflict', version])
})

test('documents: a flush that fails ends the broker, and the next one tells what is stored', async () => {
  const disk = new FaultyDisk()
  const broker = await start({
    openSmallRows: (directory, events) => openSmallRows(directory, { ...events, openEnvironment: disk.open }),
  })
  const control = await dial(broker)
  await put(control, 'a', 'one')
  disk.faults.push('stored unnoticed')
  expect(await outcomeOf(put(control, 'a', 'two', 1))).toBe('outcomeUnknown')
  await control.closed
  await broker.close()
  await using again = await start()
  expect(await list(await dial(again))).toEqual(['a 2 two'])
})

test('documents: a damaged one is refused, counted, and can be replaced; the others are served', async () => {
  {
    await using broker = await start()
    const control = await dial(broker)
    await put(control, 'a', 'one')
    await put(control, 'b', 'two')
  }
  const environment = await openLmdb({ path: smallRowsPath(dataDir), mapBytes: 1 << 28, readOnly: false })
  const { key, value } = flipped(environment, encodeSmallKey('document', 'plans/a'), 150)
  await environment.commit((writer) => writer.put(key, value))
  await environment.close()
  expect(await problems()).toEqual([expect.stringContaining('checksum')])
  {
    await using broker = await start()
    const control = await dial(broker)
    const asked = { kind: 'plans', name: 'a' }
    expect(await outcomeOf(control.request('getDocument', asked))).toBe('corruptData')
    expect(await outcomeOf(list(control))).toBe('corruptData')
    expect(await outcomeOf(put(control, 'a', 'new', 1))).toBe('corruptData')
    const { document } = await control.request('getDocument', { kind: 'plans', name: 'b' })
    expect(Buffer.from(document.content).toString()).toBe('two')
    expect(await broker.metrics()).toMatch(/^millrace_documents 2$/m)
    await put(control, 'a', 'new')
    expect(await list(control)).toHaveLength(2)
  }
  expect(await problems()).toEqual([])
})
