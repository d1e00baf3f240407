// Processes that end while the disk is full to its last block start again on it: they serve reads, refuse writes with
// the right error, and resume by themselves when there is room. Uses the compiled daemon on an in-memory disk of a few
// megabytes.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, type TestContext } from 'vitest'
import { type RunningDaemon, startDaemon } from '#dist/bench/harness/daemon.js'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { type Client, connect } from '../../client/index.ts'
import { isAlive, knownProcess, signal, untilGone } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/checker/progress.ts'
import { SmallDisk } from '../support/disk/small-disk.ts'

const DISK_BYTES = 32 * 1024 * 1024
const RECORDS = 200
const REFUSED_AFTER_MS = 2000

class FullDisk {
  readonly disk: SmallDisk
  #running: RunningDaemon
  readonly #start: () => Promise<RunningDaemon>

  private constructor(disk: SmallDisk, start: () => Promise<RunningDaemon>, running: RunningDaemon) {
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
    const start = () => startDaemon(disk.path, { config })
    const full = new FullDisk(disk, start, await start())
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
    const all = [controller, ...(await this.#hostPids()).map(knownProcess)]
    for (const each of all) signal(each, 'SIGKILL')
    await untilGone(all)
  }

  stop(): Promise<void> {
    return this.#running.stop()
  }

  async startAgain(): Promise<void> {
    this.#running = await this.#start()
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
    expect(await readAll(client)).toEqual(Array.from({ length: RECORDS }, (_, i) => `${i}`))
    await using producer = await client.producer('clicks', { deliveryTimeoutMs: REFUSED_AFTER_MS })
    await expect(producer.send(recordOf(RECORDS))).rejects.toMatchObject({ code: 'storageFull' })
  }

  /** After room is freed, expects that refused writes are accepted, and that the check finds nothing. */
  async expectResumed(): Promise<void> {
    this.disk.clear()
    {
      await using client = await this.client()
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
