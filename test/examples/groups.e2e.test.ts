// The examples that process a stream, as users start them: they go on where they were, and groups share the work.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, type Client } from 'millrace'
import { expect, it, onTestFinished } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 180_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it never came to hold')
    await delay(10)
  }
}

/** Starts a program; it is ended with its test. */
function start(name: 'groups' | 'process' | 'resume', { url }: { readonly url: string }) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve(`#dist/examples/${name}.js`))], {
    env: { ...process.env, MILLRACE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  return {
    lines,
    /** Waits until it has printed so many lines. */
    printed: (count: number) =>
      until(() => {
        expect(child.exitCode).toBeNull()
        return lines.length >= count
      }),
    async end(signal: 'SIGINT' | 'SIGKILL') {
      child.kill(signal)
      return await ended
    },
    ended,
  }
}

async function put(client: Client, pages: readonly string[]): Promise<void> {
  for (const page of pages) {
    await client.put('clicks', { partitionKey: 'ada', data: JSON.stringify({ user: 'ada', page }) })
  }
}

it('process.ts goes on behind its last checkpoint after a crash, and ends by Ctrl-C', async () => {
  await using daemon = await TestDaemon.start()
  await using client = await connect(daemon.url)
  await client.createStream('clicks')
  await put(client, ['/', '/cart'])
  const first = start('process', daemon)
  await first.printed(2)
  await until(async () => (await client.describeGroup('billing')).shards[0]?.recordsBehind === 0)
  await first.end('SIGKILL')
  await put(client, ['/thanks', '/again'])
  const second = start('process', daemon)
  await second.printed(2)
  const shard = 'shardId-000000000000'
  expect(first.lines).toEqual([`${shard}: ada saw /`, `${shard}: ada saw /cart`])
  expect(second.lines).toEqual([`${shard}: ada saw /thanks`, `${shard}: ada saw /again`])
  expect(await second.end('SIGINT')).toEqual([0, null])
  expect((await client.describeGroup('billing')).members).toEqual([])
})

it('resume.ts goes on behind the last record that it has printed', async () => {
  await using daemon = await TestDaemon.start()
  await using client = await connect(daemon.url)
  await client.createStream('clicks')
  await put(client, ['/', '/cart'])
  const first = start('resume', daemon)
  await first.printed(2)
  await until(
    async () => (await client.checkpoints('printer').load('clicks'))?.shards['shardId-000000000000'] === 2,
  )
  await first.end('SIGKILL')
  await put(client, ['/thanks'])
  const second = start('resume', daemon)
  await second.printed(1)
  expect(first.lines).toEqual(['{"user":"ada","page":"/"}', '{"user":"ada","page":"/cart"}'])
  expect(second.lines).toEqual(['{"user":"ada","page":"/thanks"}'])
})

it('groups.ts processes each click once, those of one user in order, while a member leaves', async () => {
  await using daemon = await TestDaemon.start()
  const program = start('groups', daemon)
  expect(await program.ended).toEqual([0, null])
  const pages = new Map<string, number[]>()
  const leaves = program.lines.indexOf('ada has left')
  expect(leaves).toBeGreaterThan(0)
  for (const [at, line] of program.lines.entries()) {
    const [, member, page, user] = /^(\w+) got page (\d) of (\S+)$/.exec(line) ?? []
    if (user === undefined) continue
    pages.set(user, [...(pages.get(user) ?? []), Number(page)])
    if (at > leaves) expect(member).not.toBe('ada')
  }
  expect(pages.size).toBe(10)
  for (const seen of pages.values()) expect(seen).toEqual([1, 2, 3, 4, 5])
  const shards = program.lines.filter((line) => line.startsWith('shardId-'))
  expect(shards).toHaveLength(4)
  for (const line of shards) expect(line).toMatch(/^shardId-\d{12} of (bob|cid|nobody): \d+ behind\. ./)
  await using client = await connect(daemon.url)
  expect((await client.listGroups().page()).items).toEqual([])
  expect((await client.listStreams().page()).items).toEqual([])
})
