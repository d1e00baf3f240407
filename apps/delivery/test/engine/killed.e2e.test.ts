// The app delivery in a daemon, killed while it delivers and while the source's shards change: every record is in exactly one object.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'vitest'
import { connect } from 'millrace'
import { createDelivery } from '../../src/definitions/index.ts'
import { writerOf } from '../../src/naming/object-key.ts'
import { TestDaemon } from '../../../../test/support/daemon.ts'

/** Pids of the app, in the order of its starts. */
const appPids = (daemon: TestDaemon): number[] =>
  [...daemon.log().matchAll(/"appPid":(\d+),.*app delivery is ready/g)].map((match) => Number(match[1]))

async function linesOf(directory: string): Promise<string[]> {
  const lines: string[] = []
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile() || entry.name.endsWith('.tmp')) continue
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8')
    lines.push(...text.split('\n').filter(Boolean))
  }
  return lines.sort()
}

/** Names of files that are no objects yet. */
async function temporariesIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.tmp'))
}

// Side by side, as each waits most of its time: for the leases of the app that was killed.
it.concurrent(
  'serve --with delivery: has every record in exactly one object, although the app is killed again and again',
  async ({ expect }) => {
    await using daemon = await TestDaemon.start({ with: 'delivery' })
    const lake = await mkdtemp(join(tmpdir(), 'delivery-killed-'))
    try {
      await using client = await connect(daemon.url)
      await client.createStream('clicks', { shards: 2 })
      await createDelivery(client, 'lake', {
        source: { stream: 'clicks' },
        destination: { type: 'directory', path: lake },
        buffer: { bytes: 2048, intervalMs: 50 },
      })
      const wanted: string[] = []
      for (let round = 0; round < 4; round++) {
        const texts = Array.from({ length: 500 }, (_, i) => `record-${round}-${String(i).padStart(4, '0')}`)
        wanted.push(...texts)
        await client.putMany(
          'clicks',
          texts.map((data) => ({ partitionKey: data, data })),
        )
        if (round === 3) break
        // Something of this round is written, and something may be half done.
        await expect
          .poll(async () => (await linesOf(lake)).some((line) => line.startsWith(`record-${round}-`)))
          .toBe(true)
        const pid = appPids(daemon).at(-1)!
        process.kill(pid, 'SIGKILL')
        if (round === 0) await client.splitShard('clicks', 'shardId-000000000000')
        if (round === 1) await client.updateShardCount('clicks', 1)
        await expect.poll(() => appPids(daemon).length).toBe(round + 2)
      }
      await expect.poll(() => linesOf(lake)).toEqual(wanted)
      await expect.poll(() => temporariesIn(lake)).toEqual([])
    } finally {
      await rm(lake, { recursive: true, force: true })
    }
  },
)

it.concurrent(
  'serve --with delivery: removes what the killed app has left half written, as soon as it writes there again',
  async ({ expect }) => {
    await using daemon = await TestDaemon.start({ with: 'delivery' })
    const lake = await mkdtemp(join(tmpdir(), 'delivery-killed-'))
    try {
      await using client = await connect(daemon.url)
      await client.createStream('clicks', { shards: 1 })
      await createDelivery(client, 'lake', {
        source: { stream: 'clicks' },
        destination: { type: 'directory', path: lake },
        prefix: "!{timestamp:'all'}/",
        buffer: { intervalMs: 0 },
      })
      await client.putMany('clicks', [{ partitionKey: 'a', data: 'before' }])
      await expect.poll(() => linesOf(lake)).toEqual(['before'])
      const { id: streamId } = await client.describeStream('clicks')
      const writer = writerOf({ delivery: 'lake', streamId, shardIndex: 0 })
      // As it stands there when its range has not become durable.
      await writeFile(join(lake, 'all', `.${writer}.0123456789ab-7.millrace.tmp`), 'aft')
      process.kill(appPids(daemon).at(-1)!, 'SIGKILL')
      await client.putMany('clicks', [{ partitionKey: 'a', data: 'after' }])
      await expect.poll(() => linesOf(lake)).toEqual(['after', 'before'])
      await expect.poll(() => temporariesIn(lake)).toEqual([])
    } finally {
      await rm(lake, { recursive: true, force: true })
    }
  },
)
