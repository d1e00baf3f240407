// A host as a process, with the test as its controller: what it survives, and how it ends.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openPolicyData } from '../../../broker/access/policy.ts'
import type { HostCalls, PlacedShard } from '../../../broker/host-contract.ts'
import { checkOwnerDirectory } from '../../../broker/storage/integrity.ts'
import { createCaller, type Caller } from '../../../broker/channels/calls.ts'
import { processChannel } from '../../../broker/channels/process-channel.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { at, contents, makeBatch, placedShard, settings, STREAM } from './support/test-host.ts'

const entry = fileURLToPath(import.meta.resolve('#dist/broker/host/main.js'))

interface RunningHost {
  readonly child: ChildProcess
  readonly controller: Caller<HostCalls>
  readonly port: number
  readonly ended: Promise<[code: number | null, signal: string | null]>
}

let dataDir: string
let children: ChildProcess[] = []
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-host-'))
})
afterEach(async () => {
  const left = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
  for (const child of left) child.kill('SIGKILL')
  children = []
  // A host that got no `start` has opened no owner.
  const isOpened = existsSync(ownerDirectory())
  expect(isOpened ? (await checkOwnerDirectory(ownerDirectory())).problems : []).toEqual([])
  await rm(dataDir, { recursive: true })
  expect(left).toEqual([])
})

const ownerDirectory = () => join(dataDir, 'owners', '0000')

async function startHost(
  shards: readonly PlacedShard[] = [placedShard(0)],
  listen = { host: '127.0.0.1', port: 0 },
): Promise<RunningHost> {
  const child = fork(entry, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  children.push(child)
  const ended = once(child, 'exit') as RunningHost['ended']
  const controller = createCaller<HostCalls>(processChannel(child))
  const owners = [{ ownerId: 0, directory: ownerDirectory() }]
  const { port } = await controller.call('start', {
    settings: { ...settings, dataDir, owners, listen },
    shards,
    consumers: [],
    policy: openPolicyData,
  })
  return { child, controller, port, ended }
}

const append = (connection: RawConnection, ...texts: readonly string[]) =>
  connection.request('append', {
    batches: [{ streamId: STREAM, shardIndex: 0, batch: makeBatch(texts), producerSecret: undefined }],
  })

async function readAll(connection: RawConnection): Promise<string[]> {
  const shards = [{ streamId: STREAM, shardIndex: 0, sequenceNumber: 0, bytesMax: 1 << 20 }]
  const answer = await connection.request('fetch', { shards, bytesMax: 1 << 20, waitMs: 0 })
  return contents(answer.shards[0]!.batches)
}

it('a host process: serves over TCP, ignores signals, and exits with 0 when it has drained', async () => {
  const { child, controller, port, ended } = await startHost()
  const connection = await RawConnection.open(port)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) child.kill(signal)
  const { results } = await append(connection, 'a', 'b')
  expect(results).toMatchObject([{ code: 0, baseSequenceNumber: 0 }])
  const { metrics } = await controller.call('metrics', null)
  expect(metrics.length).toBeGreaterThan(0)
  await controller.call('drain', { deadlineMs: 5000 })
  expect(await ended).toEqual([0, null])
  await connection.closed
})

it('a host process: names the option to change if its port is in use', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await expect(startHost([placedShard(0)], { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/is in use, .* --host-port-base\.$/) as string,
  })
  other.close()
  const [refused] = children
  refused!.disconnect()
  await once(refused!, 'exit')
})

it('a host process: answers running requests and exits by itself when its controller is gone', async () => {
  const { child, port, ended } = await startHost()
  const connection = await RawConnection.open(port)
  const appended = append(connection, 'a')
  child.disconnect()
  expect((await appended).results).toMatchObject([{ code: 0 }])
  expect(await ended).toEqual([0, null])
})

it('a host process: exits by itself when its controller ends before it sends anything', async () => {
  const child = fork(entry, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  children.push(child)
  child.disconnect()
  expect(await once(child, 'exit')).toEqual([0, null])
})

it('a host process: has every acknowledged record after a kill, and assigns numbers above them', async () => {
  const first = await startHost()
  const producer = await RawConnection.open(first.port)
  const acknowledged: string[] = []
  for (let i = 0; i < 20; i++) {
    const [result] = (await append(producer, `${i}`)).results
    acknowledged.push(`${result!.baseSequenceNumber}:${i}`)
  }
  first.child.kill('SIGKILL')
  await first.ended
  const second = await startHost()
  const connection = await RawConnection.open(second.port)
  expect(await readAll(connection)).toEqual(acknowledged)
  const position = at('TRIM_HORIZON')
  const place = { streamId: STREAM, shardIndex: 0, position, consumer: undefined }
  await connection.request('subscribe', { ...place, creditBytes: 1 << 20 })
  expect((await append(connection, 'next')).results).toMatchObject([{ baseSequenceNumber: 20 }])
  // A drain ends subscriptions wherever they are.
  const pushed = () =>
    contents(connection.events.flatMap((event) => (event.event === 'records' ? event.body.batches : [])))
  await expect.poll(pushed).toEqual([...acknowledged, '20:next'])
  await second.controller.call('drain', { deadlineMs: 5000 })
  await second.ended
  await connection.closed
})

it('a host process: fails to start with a typed error if another host holds its storage', async () => {
  const first = await startHost()
  const second = await startHost().catch((error: unknown) => error)
  expect(second).toMatchObject({ code: 'unavailable' })
  await first.controller.call('drain', { deadlineMs: 5000 })
  await first.ended
  const refused = children[1]!
  refused.disconnect()
  await once(refused, 'exit')
})
