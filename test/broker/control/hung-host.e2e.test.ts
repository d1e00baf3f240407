// A host process stopped by a signal, or one with a stopped thread, under a controller whose heartbeat intervals the test
// triggers: however slow the machine is, only the stopped host misses heartbeats.
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { createController, type Controller } from '../../../broker/control/controller.ts'
import { hostPolicy } from '../../../broker/control/hosts/host-supervision.ts'
import { processLauncher } from '../../../broker/control/hosts/process-launcher.ts'
import type { HostLauncher } from '../../../broker/host-contract.ts'
import { checkOwnerDirectory } from '../../../broker/storage/integrity.ts'
import { createTelemetry } from '../../../broker/telemetry/instruments.ts'
import { silentLog } from '../../../broker/telemetry/log.ts'
import { systemTime } from '../../../broker/time.ts'
import type { OperationOn, RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import { until } from '../../support/checker/progress.ts'
import { memoryFile } from './support/memory-file.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { contents, makeBatch } from '../host/support/test-host.ts'
import { MemoryCatalog } from './support/memory-catalog.ts'
import { MemorySmallRows } from './support/memory-small-rows.ts'
import { askOf } from './support/test-controller.ts'

let dataDir: string
let controller: Controller
let catalog: MemoryCatalog
/** Hosts that ended unasked, and how. */
let downs: string[]
/** Tasks that wait for the next heartbeat interval. */
let beats: Set<() => void>
/** Running host → its unanswered pings. */
let questions: Map<number, Set<number>>

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-hung-'))
  catalog = new MemoryCatalog()
  downs = []
  beats = new Set()
  questions = new Map()
  controller = await createController({
    config: resolveConfig({ settings: { dataDir, hosts: 2, owners: 2, logLevel: 'silent' } }).values,
    openStore: () => Promise.resolve(catalog.open()),
    openSmallRows: () => Promise.resolve(new MemorySmallRows().open()),
    clockNote: catalog.clockNote,
    accessKeyFile: memoryFile('access.key'),
    launcher: watched(
      processLauncher({
        entry: new URL(import.meta.resolve('#dist/broker/host/main.js')),
        threadPoolSize: 4,
        log: silentLog(),
      }),
    ),
    listenOf: () => ({ host: '127.0.0.1', port: 0 }),
    addressOf: () => undefined,
    software: 'test',
    telemetry: createTelemetry('controller', { withProcess: false }),
    log: silentLog(),
    // Heartbeats, and nothing else of the controller, use `every`.
    time: {
      ...systemTime,
      every: (_ms, task) => {
        beats.add(task)
        return () => beats.delete(task)
      },
    },
    random: Math.random,
    newBrokerId: () => 'broker-1',
    onHostDown: (hostId, how) => downs.push(`host ${hostId}: ${how}`),
    onBroken: (error) => {
      throw error
    },
  })
  controller.start()
  await controller.whenReady()
})

afterEach(async () => {
  await controller.drain(5_000)
  for (const owner of ['0000', '0001']) {
    expect((await checkOwnerDirectory(join(dataDir, 'owners', owner))).problems).toEqual([])
  }
  await rm(dataDir, { recursive: true })
})

function ask<N extends OperationOn<'control'>>(
  operation: N,
  request: Partial<RequestOf<N>>,
): Promise<ResponseOf<N>> {
  return askOf(controller, operation, request)
}

/** Records the pings that a host got and answered. */
function watched({ launch }: HostLauncher): HostLauncher {
  return {
    launch: (hostId) => {
      process.env['NODE_OPTIONS'] = `--import ${new URL('stall-owner.mjs', import.meta.url).href}`
      const host = launch(hostId)
      delete process.env['NODE_OPTIONS']
      const { channel } = host
      const open = new Set<number>()
      questions.set(hostId, open)
      return {
        ...host,
        channel: {
          ...channel,
          post: (message, transfer) => {
            const [kind, id, call] = message as [kind: string, id: number, call: string]
            if (kind === 'call' && call === 'ping') open.add(id)
            channel.post(message, transfer)
          },
          onMessage: (listener) =>
            channel.onMessage((message) => {
              listener(message)
              open.delete((message as [kind: string, id: number])[1])
            }),
        },
      }
    },
  }
}

/** Fulfils when every host that is not stopped has answered its pings. */
function answered(): Promise<void> {
  return until('hosts answer', () => [...questions.values()].every((open) => open.size === 0))
}

/** Passes one heartbeat interval, in which every host that is not stopped answers. */
async function beat(): Promise<void> {
  await answered()
  for (const task of beats) task()
}

/** Stops a host process with SIGSTOP; only SIGKILL or SIGCONT reaches it then. The test waits for its pings no more. */
function stop(hostId: number): void {
  process.kill(controller.hosts[hostId - 1]!.pid!, 'SIGSTOP')
  questions.delete(hostId)
}

const connected = (hostId: number) => RawConnection.open(controller.hosts[hostId - 1]!.port!)

it('HostSupervision: kills a hung host, and a change of shards that waits for it continues after the restart', async () => {
  const { stream } = await ask('createStream', { name: 'clicks', shardCount: 2 })
  const producer = await connected(1)
  const { results } = await producer.request('append', {
    batches: [{ streamId: stream.id, shardIndex: 0, batch: makeBatch(['a']), producerSecret: undefined }],
  })
  expect(results).toMatchObject([{ code: 0 }])
  // The journal is written: the change cannot be undone any more.
  catalog.beforeCommit = (changes) => {
    const begins = changes.some((change) => 'put' in change && change.put.family === 'reshard')
    if (begins && downs.length === 0) stop(1)
    return Promise.resolve()
  }
  const merging = ask('mergeShards', { name: 'clicks', shardIndex: 0, adjacentShardIndex: 1 })
  let isMerged = false
  merging.then(
    () => (isMerged = true),
    () => (isMerged = true),
  )
  while (!isMerged) await beat()
  const merged = await merging
  expect(merged).toEqual({ child: 2, epoch: 2 })
  expect(downs).toEqual(['host 1: did not answer 6 heartbeats in a row'])
  expect(controller.hosts).toMatchObject([
    { state: 'ready', restarts: 1 },
    { state: 'ready', restarts: 0 },
  ])
  await producer.closed
  const reader = await connected(1)
  const shards = [{ streamId: stream.id, shardIndex: 0, sequenceNumber: 0, bytesMax: 1 << 20 }]
  const answer = await reader.request('fetch', { shards, bytesMax: 1 << 20, waitMs: 0 })
  expect(contents(answer.shards[0]!.batches)).toEqual(['0:a'])
  reader.close()
})

it('HostSupervision: kills a host whose owner thread hangs, and no acknowledged record is lost', async () => {
  const { stream } = await ask('createStream', { name: 'clicks', shardCount: 2 })
  const append = (connection: RawConnection, text: string) =>
    connection.request('append', {
      batches: [{ streamId: stream.id, shardIndex: 0, batch: makeBatch([text]), producerSecret: undefined }],
    })
  const producer = await connected(1)
  expect((await append(producer, 'a')).results).toMatchObject([{ code: 0 }])
  await writeFile(join(dataDir, 'stall-0'), '')
  await until('the thread hangs', () => existsSync(join(dataDir, 'stall-0-done')))
  const lost = append(producer, 'lost').catch((error: Error) => error)
  while (downs.length === 0) await beat()
  expect(downs).toEqual([
    `host 1: its storage did nothing over ${hostPolicy.heartbeat.stuckAnswersMax} heartbeats`,
  ])
  await controller.whenReady()
  expect(controller.hosts).toMatchObject([
    { state: 'ready', restarts: 1 },
    { state: 'ready', restarts: 0 },
  ])
  expect(await lost).toBeInstanceOf(Error)
  const again = await connected(1)
  expect((await append(again, 'b')).results).toMatchObject([{ code: 0, baseSequenceNumber: 1 }])
  const shards = [{ streamId: stream.id, shardIndex: 0, sequenceNumber: 0, bytesMax: 1 << 20 }]
  const answer = await again.request('fetch', { shards, bytesMax: 1 << 20, waitMs: 0 })
  expect(contents(answer.shards[0]!.batches)).toEqual(['0:a', '1:b'])
  again.close()
})

it('HostSupervision: neither kills a host that was stopped for a moment, nor shows it as silent afterwards', async () => {
  const { pid } = controller.hosts[0]!
  // An answer in transit would arrive while the host is stopped.
  await answered()
  stop(1)
  // The first interval sends a ping, the second finds no answer.
  for (let interval = 0; interval < 2; interval++) await beat()
  expect(controller.hosts[0]!.reason).toMatch(/does not answer/)
  process.kill(pid!, 'SIGCONT')
  await until('it is shown as answering', () => controller.hosts[0]!.reason === undefined)
  expect(controller.hosts[0]).toMatchObject({ pid, state: 'ready', restarts: 0 })
})
