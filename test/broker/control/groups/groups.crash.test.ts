// Controllers killed at random moments of a busy group. Then every checkpoint that a member was told is stored, or a later one;
// no two memberships ever had one shard in one epoch; and epochs and checkpoints only rise, through all of the lives.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openCatalogStore } from '../../../../broker/storage/catalog-store.ts'
import { checkDataDirectory } from '../../../../broker/storage/integrity.ts'
import { openSmallRows, smallRowsPath } from '../../../../broker/storage/small-rows/store.ts'
import { randomOf } from '../../../support/random.ts'

const ROUNDS = Number(process.env['MILLRACE_CRASH_ROUNDS'] ?? 8)
const LINES_MAX = 2_000

/** Runs a victim and kills it after `afterLines` lines; returns its output. */
async function kill(directory: string, round: number, afterLines: number): Promise<readonly string[]> {
  const victim = fileURLToPath(new URL('processes/victim.mjs', import.meta.url))
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

/** What the members of all lives were told of one shard. */
interface Told {
  epoch: number
  next: number
  readonly owners: Map<number, string>
}

function take(told: Map<number, Told>, line: string): void {
  const [what, shard, epochText, rest] = line.split(' ') as [string, string, string, string]
  const epoch = Number(epochText)
  const known = told.get(Number(shard)) ?? { epoch: 0, next: 0, owners: new Map<number, string>() }
  told.set(Number(shard), known)
  if (what === 'lease') {
    expect(known.owners.get(epoch) ?? rest).toBe(rest)
    expect(epoch).toBeGreaterThanOrEqual(known.epoch)
    known.owners.set(epoch, rest)
    known.epoch = epoch
  } else {
    expect(Number(rest)).toBeGreaterThanOrEqual(known.next)
    known.next = Number(rest)
  }
}

test('a group: killed at any moment, it keeps checkpoints that were answered, and gives no epoch to two members', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-groups-crash-'))
  try {
    await (await openCatalogStore(join(dataDir, 'catalog'))).close()
    const random = randomOf(20_269)
    const told = new Map<number, Told>()
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await kill(smallRowsPath(dataDir), round, 1 + random.below(LINES_MAX))
      for (const line of lines) take(told, line)
      expect((await checkDataDirectory(dataDir)).problems).toEqual([])
      const store = await openSmallRows(smallRowsPath(dataDir), {
        onBroken: (error) => {
          throw error
        },
      })
      const rows = new Map(
        store
          .list('lease', { limit: 10_000 })
          .map(({ key, value }) => [Number(key.split('/').at(-1)), value]),
      )
      await store.close()
      for (const [shard, { epoch, next }] of told) {
        expect(rows.get(shard)!.epoch).toBeGreaterThanOrEqual(epoch)
        expect(rows.get(shard)!.next ?? 0).toBeGreaterThanOrEqual(next)
      }
    }
    expect(told.size).toBe(40)
    expect(Math.max(...Array.from(told.values(), ({ owners }) => owners.size))).toBeGreaterThan(1)
  } finally {
    await rm(dataDir, { recursive: true })
  }
})
