// Processes killed at every step of a compaction and of the replacement after it. Then the directory opens at once,
// every record from the trim horizon on is there once, and no unlisted segment remains.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { FaultStep } from '../../../../broker/storage/disk/faults.ts'
import { test, type StorageFixture } from '../../../support/disk/storage.ts'

/** In order of slots, as the victim fills them. */
const HORIZONS = [12, 0, 0]
const TAIL = 24

const steps: readonly FaultStep[] = [
  'compactionStarted',
  'compactionCopied',
  'compactionSynced',
  'replacementStarted',
  'manifestWritten',
  'manifestSynced',
  'manifestRenamed',
  'manifestDirectorySynced',
  'replacementListed',
  'removalRenamed',
]

async function killAt(storage: StorageFixture, step: FaultStep): Promise<void> {
  const victim = fileURLToPath(new URL('../processes/compaction-victim.mjs', import.meta.url))
  const child = spawn(process.execPath, [victim, storage.ownerDirectory(), step], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
}

async function judge(storage: StorageFixture): Promise<void> {
  expect((await storage.check()).problems).toEqual([])
  const owner = await storage.openOwner()
  const slots = HORIZONS.map((_, slot) => slot)
  for (const { slot, trimHorizon, tail } of await owner.open(...slots)) {
    expect({ trimHorizon, tail }).toEqual({ trimHorizon: HORIZONS[slot], tail: TAIL })
    const values = (await owner.values(slot, tail, trimHorizon)).map((value) => value.replace(/\.+$/, ''))
    const expected = Array.from({ length: TAIL }, (_, i) => `${i}=${slot}:${i}`).slice(trimHorizon)
    expect(values).toEqual(expected)
  }
  const { segments } = owner.list
  await storage.closeOwners()
  const files = (await readdir(storage.ownerDirectory())).filter((name) => name.includes('segment'))
  expect(files.toSorted()).toEqual(segments.toSorted())
}

test.for(steps)(
  'compaction: keeps every record once when its process is killed at the step %s',
  async (step, { storage }) => {
    await killAt(storage, step)
    await judge(storage)
    // A second kill at the same step, on what the first one left.
    await killAt(storage, step)
    await judge(storage)
  },
)
