// Processes killed at every step of storage, and at random moments of many rolls. Then the directory opens at once,
// every acknowledged record is there, none twice, numbers continue where they were, and the integrity check is clean.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { faultSteps, type FaultStep } from '../../../../broker/storage/disk/faults.ts'
import { test, type StorageFixture } from '../../../support/disk/storage.ts'

const SLOTS = [0, 1, 2]
const ROUNDS = Number(process.env['MILLRACE_CRASH_ROUNDS'] ?? 10)
/**
 * Which occurrence of the step kills: the first creates the directory, later ones roll. More of them in the nightly
 * run.
 */
const OCCURRENCES = ROUNDS > 10 ? [1, 2, 3, 4] : [1, 3]
/** Steps that a victim which only appends never reaches: the compaction test kills there. */
const OFF_THE_PATH: readonly string[] = [
  'compactionStarted',
  'compactionCopied',
  'compactionSynced',
  'replacementStarted',
  'replacementListed',
  'removalRenamed',
] satisfies FaultStep[]

interface Acknowledged {
  readonly slot: number
  readonly base: number
  readonly count: number
}

/** Runs a victim until it is dead. `onOutput` may kill it. */
async function runVictim(
  storage: StorageFixture,
  args: readonly string[],
  onOutput?: (kill: () => void) => void,
): Promise<Acknowledged[]> {
  const victim = fileURLToPath(new URL('../processes/victim.mjs', import.meta.url))
  const child = spawn(process.execPath, [victim, storage.ownerDirectory(), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onOutput?.(() => child.kill('SIGKILL'))
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  const lines = output.split('\n').slice(0, -1)
  return lines.map((line) => {
    const [slot, , count, code, base] = line.split(' ').map(Number)
    expect(code).toBe(0)
    return { slot: slot!, base: base!, count: count! }
  })
}

/** Opens what the victims left, and compares it with their acknowledgements. */
async function judge(storage: StorageFixture, acknowledged: readonly Acknowledged[]): Promise<void> {
  expect((await storage.check()).problems).toEqual([])
  const owner = await storage.openOwner({ segmentBytes: 200_000 })
  for (const { slot, tail } of await owner.open(...SLOTS)) {
    const known = acknowledged.filter((batch) => batch.slot === slot)
    const end = Math.max(0, ...known.map(({ base, count }) => base + count))
    expect(tail).toBeGreaterThanOrEqual(end)
    // Each value names its shard and number, so a lost, repeated or moved record is found.
    const values = (await owner.values(slot, tail)).map((value) => value.replace(/\.+$/, ''))
    expect(values).toEqual(Array.from({ length: tail }, (_, i) => `${i}=${slot}:${i}`))
  }
  await storage.closeOwners()
}

describe('owner killed at a step keeps every acknowledged record once', () => {
  const steps = Object.keys(faultSteps).filter((step) => !OFF_THE_PATH.includes(step))
  const cases = steps.flatMap((step) => OCCURRENCES.map((occurrence) => ({ step, occurrence })))

  test.for(cases)('$step, time $occurrence', async ({ step, occurrence }, { storage }) => {
    const acknowledged = await runVictim(storage, [step, String(occurrence)])
    await judge(storage, acknowledged)
    // A second kill at the same step, on what the first one left.
    acknowledged.push(...(await runVictim(storage, [step, String(occurrence)])))
    await judge(storage, acknowledged)
  })
})

test('owner: killed repeatedly at random moments of many rolls, it keeps every acknowledged record once', async ({
  storage,
}) => {
  const acknowledged: Acknowledged[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let outputs = 1 + Math.floor(Math.random() * 40)
    acknowledged.push(
      ...(await runVictim(storage, [], (kill) => {
        if (--outputs === 0) kill()
      })),
    )
  }
  await judge(storage, acknowledged)
  expect(acknowledged.length).toBeGreaterThan(0)
})
