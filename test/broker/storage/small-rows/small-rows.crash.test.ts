// Processes killed at random moments of many changes of small rows, and a full disk. Then every change that was
// reported stored is there, or a newer one; refused changes are not; no change is there by half; and the integrity
// check is clean.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openCatalogStore } from '../../../../broker/storage/catalog-store.ts'
import { checkDataDirectory } from '../../../../broker/storage/integrity.ts'
import { openSmallRows, smallRowsPath } from '../../../../broker/storage/small-rows/store.ts'
import { randomOf } from '../../../support/random.ts'
import { SmallDisk } from '../../../support/disk/small-disk.ts'

const ROUNDS = Number(process.env['MILLRACE_CRASH_ROUNDS'] ?? 10)
const LINES_MAX = 600
const onBroken = (error: Error): never => {
  throw error
}

/** Runs a victim and kills it after `afterLines` lines; returns its output. */
async function kill(directory: string, round: number, afterLines: number): Promise<string[]> {
  const victim = fileURLToPath(new URL('victim.mjs', import.meta.url))
  const child = spawn(process.execPath, [victim, directory, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let lines = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    lines += text.split('\n').length - 1
    if (lines >= afterLines) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  return output.split('\n').slice(0, -1)
}

test('small rows: killed at any moment, they keep reported changes, no refused change, and none by half', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-small-crash-'))
  try {
    await (await openCatalogStore(join(dataDir, 'catalog'))).close()
    const random = randomOf(20_261)
    /** By key: the version that was reported last, and its content. */
    const told = new Map<string, { version: number; content: string }>()
    const refused = new Set<string>()
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await kill(smallRowsPath(dataDir), round, 1 + random.below(LINES_MAX))
      for (const line of lines) {
        const [is, key, content, version] = line.split(' ') as [string, string, string, string]
        if (is === 'conflict') refused.add(content)
        else if (Number(version) > (told.get(key)?.version ?? 0))
          told.set(key, { version: Number(version), content })
      }
      expect((await checkDataDirectory(dataDir)).problems).toEqual([])
      const store = await openSmallRows(smallRowsPath(dataDir), { onBroken })
      for (const [key, last] of told) {
        const [a, b] = [store.get('document', `a${key}`)!, store.get('document', `b${key}`)!]
        expect([a.value.content, a.version]).toEqual([b.value.content, b.version])
        expect(a.version).toBeGreaterThanOrEqual(last.version)
        if (a.version === last.version) expect(a.value.content).toBe(last.content)
        expect(refused).not.toContain(a.value.content)
      }
      await store.close()
    }
    expect(told.size).toBeGreaterThan(0)
    expect(refused.size).toBeGreaterThan(0)
  } finally {
    await rm(dataDir, { recursive: true })
  }
})

test('small rows on a full disk: one change uses the ballast, the next is refused, and changes resume with room', async (context) => {
  const disk = await SmallDisk.mount(12 * 1024 * 1024)
  if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
  await using _ = disk
  const directory = join(disk.path, 'small')
  await mkdir(directory)
  const store = await openSmallRows(directory, { onBroken })
  // More than the room left reserved by the change before it.
  const ballastTaking = 'x'.repeat(200_000)
  const put = (content: string) =>
    [content, ballastTaking, ballastTaking].map(
      (text, row) =>
        ({
          family: 'document',
          key: 'abc'.charAt(row),
          value: { content: text, updatedAt: 1 },
          expected: undefined,
        }) as const,
    )
  expect(await store.change(put('before'))).toMatchObject({ is: 'stored' })
  disk.fill()
  expect(await store.change(put('in the room put by'))).toMatchObject({ is: 'stored' })
  disk.fill()
  expect(await store.change(put('refused'))).toEqual({ is: 'noRoom' })
  expect(store.get('document', 'a')?.value.content).toBe('in the room put by')
  disk.clear()
  expect(await store.change(put('after'))).toMatchObject({ is: 'stored' })
  await store.close()
  const again = await openSmallRows(directory, { onBroken })
  expect(again.get('document', 'a')?.value.content).toBe('after')
  await again.close()
})
