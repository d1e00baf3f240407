// What the broker writes to its disk holds nothing of encrypted records: not their data, keys or headers, whichever way they come and are
// read, through a split. And what it holds is sound by its own check.
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, staticKeys, type StreamRecord } from 'millrace'
import { expect, test } from 'vitest'
import { command } from '../cli/command.ts'
import { TestDaemon } from '../support/daemon.ts'

/** Files in which a text stands. */
async function filesWith(directory: string, text: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found = await Promise.all(paths.map(async (path) => (await readFile(path)).includes(text)))
  return paths.filter((_, i) => found[i])
}

test('encrypted records leave no plaintext in the data directory, and come back by pull, push and group', async () => {
  await using daemon = await TestDaemon.start()
  const planted = {
    data: 'planted-in-data',
    key: 'planted-in-key',
    header: 'planted-in-header',
    open: 'in-the-open',
  }
  const keys = staticKeys({ current: 'k2', keys: { k1: randomBytes(32), k2: randomBytes(32) } })
  const seen: Record<string, string[]> = { pull: [], push: [], group: [] }
  const sent: string[] = []
  {
    await using client = await connect(daemon.url, { encryption: { keys, streams: ['secret-*'] } })
    await client.createStream('secret-1', { shards: 2 })
    await client.createStream('open', { shards: 1 })
    const recordOf = (i: number) => ({
      partitionKey: `${planted.key}-${i % 50}`,
      data: `${planted.data} ${i}`,
      headers: { [planted.header]: planted.header },
    })
    const send = async (compression: 'none' | 'gzip', from: number, until: number) => {
      await using producer = await client.producer('secret-1', { compression, batchRecords: 40 })
      for (let i = from; i < until; i++) {
        sent.push(recordOf(i).data)
        const wait = producer.push(recordOf(i))
        if (wait !== undefined) await wait
      }
    }
    const note = (where: string) => (record: StreamRecord<Uint8Array>) => {
      expect(record.partitionKey).toContain(planted.key)
      expect(Buffer.from(record.headers[planted.header]!).toString()).toBe(planted.header)
      seen[where]!.push(Buffer.from(record.data).toString())
    }
    const subscription = client.subscribe('secret-1', { from: 'TRIM_HORIZON' })
    const pushed = (async () => {
      for await (const record of subscription) {
        note('push')(record)
        if (seen['push']!.length === 1000) break
      }
    })()
    const group = client.group({ name: 'all', stream: 'secret-1' })
    const running = group.run((records) => records.forEach(note('group')))
    await send('none', 0, 500)
    const { items } = await client.listShards('secret-1').page()
    await client.splitShard('secret-1', items[0]!.shardId)
    await send('gzip', 500, 1000)
    await client.put('open', { partitionKey: 'a', data: planted.open })
    for await (const record of client.read('secret-1')) note('pull')(record)
    await pushed
    await expect.poll(() => seen['group']!.length).toBe(1000)
    await group.close()
    await running
  }
  for (const where of ['pull', 'push', 'group']) {
    expect([where, seen[where]!.toSorted()]).toEqual([where, sent.toSorted()])
  }
  await daemon.stop()
  // The search finds what is there to be found.
  expect(await filesWith(daemon.dataDir, planted.open)).not.toEqual([])
  for (const text of [planted.data, planted.key, planted.header]) {
    expect(await filesWith(daemon.dataDir, text)).toEqual([])
  }
  const checked = await command(['check', '--data-dir', daemon.dataDir])
  expect(checked.stdout.toString()).toMatch(
    /^Sound: 1,?001 records in .*encrypted, their records not looked at/,
  )
  expect(checked.code).toBe(0)
})
