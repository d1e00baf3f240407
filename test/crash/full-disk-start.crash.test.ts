// Processes that end while the disk is full to its last block start again on it: they serve reads, refuse writes with
// the right error, and resume by themselves when there is room. Uses the compiled daemon on an in-memory disk of a few
// megabytes.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, type TestContext } from 'vitest'
import { type RunningDaemon, startDaemon } from '#dist/bench/harness/daemon.js'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { type Client, connect } from '../../client/index.ts'
import { childrenOf, isAlive, knownProcess, signal, untilGone } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/checker/progress.ts'
import { SmallDisk } from '../support/disk/small-disk.ts'

const DISK_BYTES = 32 * 1024 * 1024
const RECORDS = 200
const REFUSED_AFTER_MS = 2000

type Config = Readonly<Record<string, string>>

class FullDisk {
  readonly disk: SmallDisk
  #running: RunningDaemon
  readonly #start: (config: Config) => Promise<RunningDaemon>

  private constructor(
    disk: SmallDisk,
    start: (config: Config) => Promise<RunningDaemon>,
    running: RunningDaemon,
  ) {
    this.disk = disk
    this.#start = start
    this.#running = running
  }

  /** Starts with some records. Skips the test if the system allows no such disk. */
  static async start(context: TestContext): Promise<FullDisk> {
    const disk = await SmallDisk.mount(DISK_BYTES)
    if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
    onTestFinished(() => disk[Symbol.asyncDispose]())
    const config = {
      port: String(await freePort()),
      hosts: '1',
      segmentSize: '1MiB',
      freeSpaceFloor: '1MiB',
    } as const
    const start = (changes: Config) => startDaemon(disk.path, { config: { ...config, ...changes } })
    const full = new FullDisk(disk, start, await start({}))
    onTestFinished(() => full.killAll())
    await using client = await full.client()
    await client.createStream('clicks')
    for (let i = 0; i < RECORDS; i++) await client.put('clicks', recordOf(i))
    return full
  }

  client(): Promise<Client> {
    return connect(this.#running.url)
  }

  async killHosts(): Promise<void> {
    const hosts = (await this.#hostPids()).map(knownProcess)
    expect(hosts.length).toBeGreaterThan(0)
    for (const host of hosts) signal(host, 'SIGKILL')
    await untilGone(hosts)
  }

  async killAll(): Promise<void> {
    const controller = knownProcess(this.#running.pid)
    if (!isAlive(controller)) return
    const all = [controller, ...childrenOf(controller)]
    for (const each of all) signal(each, 'SIGKILL')
    await untilGone(all)
  }

  stop(): Promise<void> {
    return this.#running.stop()
  }

  async startAgain(config: Config = {}): Promise<void> {
    this.#running = await this.#start(config)
  }

  async #hostPids(): Promise<number[]> {
    await using client = await this.client()
    const { hosts } = await client.describeBroker()
    return hosts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  /** On a disk without free blocks, expects that all records are readable and that a write is refused. */
  async expectReadsOnly(): Promise<void> {
    await using client = await this.client()
    await until('the host serves', async () =>
      (await client.describeBroker()).hosts.every(({ state }) => state === 'ready'),
    )
    await this.expectReads()
    await using producer = await client.producer('clicks', { deliveryTimeoutMs: REFUSED_AFTER_MS })
    await expect(producer.send(recordOf(RECORDS))).rejects.toMatchObject({ code: 'storageFull' })
  }

  /** Expects that the records of the start are readable, in their order. */
  async expectReads(): Promise<void> {
    await using client = await this.client()
    expect(await readAll(client)).toEqual(Array.from({ length: RECORDS }, (_, i) => `${i}`))
  }

  /** Expects that all hosts are ready, and that these owners have no directory: the others have one. */
  async expectUnused(ownerIds: readonly number[]): Promise<void> {
    await using client = await this.client()
    await until('the hosts serve', async () =>
      (await client.describeBroker()).hosts.every(({ state }) => state === 'ready'),
    )
    const found = readdirSync(join(this.disk.path, 'owners')).map(Number)
    const all = Array.from({ length: Math.max(0, ...ownerIds, ...found) + 1 }, (_, ownerId) => ownerId)
    expect(all.filter((ownerId) => !found.includes(ownerId))).toEqual(ownerIds)
  }

  /** After room is freed, expects that refused writes are accepted, and that the check finds nothing. */
  async expectResumed(alsoDo: (client: Client) => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.disk.clear()
    {
      await using client = await this.client()
      await alsoDo(client)
      await client.put('clicks', recordOf(RECORDS))
      expect(await readAll(client)).toHaveLength(RECORDS + 1)
    }
    await this.stop()
    expect((await checkDataDirectory(this.disk.path)).problems).toEqual([])
  }
}

const recordOf = (i: number) => ({ partitionKey: 'k', data: String(i) })

async function readAll(client: Client): Promise<string[]> {
  const found: string[] = []
  for await (const record of client.read('clicks')) found.push(Buffer.from(record.bytes).toString())
  return found
}

test('a host that is killed on a full disk restarts', async (context) => {
  const full = await FullDisk.start(context)
  full.disk.fill()
  await full.killHosts()
  full.disk.fill()
  await full.expectReadsOnly()
  await full.expectResumed()
})

test('a daemon that is killed as a whole on a full disk starts again, repeatedly', async (context) => {
  const full = await FullDisk.start(context)
  for (let round = 0; round < 3; round++) {
    full.disk.fill()
    await full.killAll()
    full.disk.fill()
    await full.startAgain()
    await full.expectReadsOnly()
  }
  await full.expectResumed()
})

test('a stopped daemon starts on a disk that was filled meanwhile', async (context) => {
  const full = await FullDisk.start(context)
  await full.stop()
  full.disk.fill()
  await full.startAgain()
  await full.expectReadsOnly()
  await full.expectResumed()
})

test('a copy without lock files starts on a full disk by using the ballast', async (context) => {
  const full = await FullDisk.start(context)
  await full.stop()
  const owner = join(full.disk.path, 'owners', '0000')
  const segments = readdirSync(owner).filter((name) => name.startsWith('segment-'))
  const stores = ['catalog', 'small'].map((name) => join(full.disk.path, name))
  for (const directory of [...stores, ...segments.map((name) => join(owner, name))])
    rmSync(join(directory, 'lock.mdb'))
  full.disk.fill()
  await full.startAgain()
  await full.expectReadsOnly()
  await full.expectResumed()
})

test('a stopped daemon starts on a disk that has no inode left', async (context) => {
  const full = await FullDisk.start(context)
  for (let round = 0; round < 2; round++) {
    await full.stop()
    full.disk.fillInodes()
    await full.startAgain()
    await full.expectUnused([])
    await full.expectReads()
  }
  await full.expectResumed()
})

describe.for([
  { room: 'block', fill: (disk: SmallDisk) => disk.fill() },
  { room: 'inode', fill: (disk: SmallDisk) => disk.fillInodes() },
])('a daemon that must make a directory on a disk without a free $room', ({ fill }) => {
  test('refuses to start, says what to do, and starts when there is room', async (context) => {
    const full = await FullDisk.start(context)
    await full.stop()
    rmSync(join(full.disk.path, 'small'), { recursive: true }) // as an earlier version left it
    fill(full.disk)
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(full.startAgain()).rejects.toThrow(
        /no room for the files that a start must make.*Free a few megabytes and some inodes/,
      )
    }
    full.disk.clear()
    await full.startAgain()
    await full.expectReads()
    await full.expectResumed()
  })
})

describe.for(['killed', 'stopped'] as const)('a %s daemon that starts with more owners and hosts', (end) => {
  const MORE = { hosts: '3', owners: '5' }

  async function startedOn(context: TestContext, fill: (disk: SmallDisk) => void): Promise<FullDisk> {
    const full = await FullDisk.start(context)
    if (end === 'stopped') await full.stop()
    else {
      fill(full.disk)
      await full.killAll()
    }
    fill(full.disk)
    await full.startAgain(MORE)
    return full
  }

  test('serves what it had on a disk without a free block, and uses them when there is room', async (context) => {
    const full = await startedOn(context, (disk) => disk.fill())
    await full.expectReadsOnly()
    await full.expectUnused([1, 2, 3, 4])
    await full.expectResumed(async (client) => {
      await client.createStream('wide', { shards: 5 })
      await full.expectUnused([])
    })
  })

  test('serves what it had on a disk without a free inode, and uses them when there is room', async (context) => {
    const full = await startedOn(context, (disk) => disk.fillInodes())
    await full.expectUnused([1, 2, 3, 4])
    {
      await using client = await full.client()
      expect(await readAll(client)).toHaveLength(RECORDS)
      await client.createStream('narrow', { shards: 2 })
      await client.put('narrow', recordOf(0))
    }
    await full.expectUnused([1, 2, 3, 4])
    await full.expectResumed(async (client) => {
      await client.createStream('wide', { shards: 8 })
      await full.expectUnused([])
    })
  })
})
