// Processes race for one directory, and some are killed while they hold it. There are never two holders, and a dead
// holder costs no wait.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const CONTENDERS = 4
const TURNS = 12
const UNTIL_KILLED = 1_000_000

function startContender(directory: string, turns: number): ChildProcess {
  const contender = fileURLToPath(new URL('processes/contender.mjs', import.meta.url))
  return spawn(process.execPath, [contender, directory, String(turns)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

test('lockDirectory: racing processes never hold a directory together, even when holders are killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
  const victims = [1, 2].map(() => startContender(directory, UNTIL_KILLED))
  const contenders = Array.from({ length: CONTENDERS }, () => startContender(directory, TURNS))
  for (const child of contenders) child.stdout!.resume()
  const ends = contenders.map((child) => once(child, 'close'))
  for (const victim of victims) {
    // The victim has just taken the lock; about half of the time it still holds the lock when it is killed.
    await once(victim.stdout!, 'data')
    victim.kill('SIGKILL')
    await once(victim, 'close')
  }
  // A contender that met another holder has thrown.
  expect(await Promise.all(ends)).toEqual(contenders.map(() => [0, null]))
  await rm(directory, { recursive: true })
})
