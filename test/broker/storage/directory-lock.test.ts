// At most one holder of a directory, and no wait for dead holders.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { holderOf, lockDirectory } from '../../../broker/storage/directory-lock.ts'
import { type Claim, claimOfThisProcess, formatClaimName } from '../../../broker/storage/disk/claim-name.ts'
import { processStartOf } from '../../../broker/storage/disk/process-identity.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

const claims = async () =>
  (await readdir(join(directory, 'lock'))).filter((name) => !name.startsWith('spare-'))

/** Writes a claim like that of this process, with some fields changed. */
async function plant(different: Partial<Claim>, { held = true, ageMs = 0 } = {}): Promise<void> {
  const name = formatClaimName({ ...(await claimOfThisProcess()), ...different })
  await mkdir(join(directory, 'lock'), { recursive: true })
  const path = join(directory, 'lock', `${name}.claim`)
  await writeFile(path, '')
  if (held) await writeFile(join(directory, 'lock', `${name}.held`), '')
  const then = new Date(Date.now() - ageMs)
  await utimes(path, then, then)
}

/** Starts a process that lives until it is killed. */
async function startIdler() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6); console.log("up")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  return { pid: child.pid!, kill }
}

describe('lockDirectory', () => {
  test('locks a free directory, and locks it again after its release', async () => {
    const lock = await lockDirectory(directory)
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        new RegExp(`in use by this process \\(pid ${process.pid}\\)\\. Stop it, or give this one another`),
      ),
    })
    await lock.release()
    const again = await lockDirectory(directory)
    await again.release()
    expect(await claims()).toEqual([])
  })

  test('names a living holder in another process, and locks at once after that process is killed', async () => {
    const holder = await startIdler()
    await plant({ pid: holder.pid, processStart: (await processStartOf(holder.pid)) ?? '' })
    await expect(lockDirectory(directory)).rejects.toThrow(`in use by process ${holder.pid}.`)
    expect(await holderOf(directory)).toBe(`process ${holder.pid}`)
    await holder.kill()
    expect(await holderOf(directory)).toBeUndefined()
    const lock = await lockDirectory(directory)
    expect((await claims()).filter((name) => name.startsWith(`${holder.pid}_`))).toEqual([])
    await lock.release()
  })

  test('does not take another process with a reused pid for the holder', async () => {
    await plant({ processStart: '1' })
    await (await lockDirectory(directory)).release()
  })

  test('ignores claims from before a reboot of the same machine', async () => {
    await plant({ bootId: 'the-one-before' })
    await (await lockDirectory(directory)).release()
  })

  test('judges a holder on another host, or in another container, by its heartbeat', async () => {
    await plant({ host: 'elsewhere' })
    await expect(lockDirectory(directory)).rejects.toThrow(
      new RegExp(
        `process ${process.pid} on elsewhere\\. .*20 seconds after its last sign of life .* free by itself`,
      ),
    )
    await rm(join(directory, 'lock'), { recursive: true })
    await plant({ pidNamespace: 'pid-1', pid: 1 })
    await expect(lockDirectory(directory)).rejects.toThrow('process 1. It cannot be looked up')
    await rm(join(directory, 'lock'), { recursive: true })
    await plant({ host: 'elsewhere' }, { ageMs: 60_000 })
    await (await lockDirectory(directory)).release()
  })

  test('waits for a living holder that releases in time, and no longer than asked', async () => {
    const first = await lockDirectory(directory)
    const waiting = lockDirectory(directory, { waitMs: 60_000 })
    await expect(lockDirectory(directory, { waitMs: 50 })).rejects.toMatchObject({ code: 'unavailable' })
    await first.release()
    const second = await waiting
    await second.release()
  })

  test('gives many simultaneous contenders the lock, one at a time', async () => {
    let holders = 0
    const turns = Array.from({ length: 12 }, async () => {
      const lock = await lockDirectory(directory, { waitMs: 60_000 })
      expect(++holders).toBe(1)
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      holders--
      await lock.release()
    })
    await Promise.all(turns)
    expect(await claims()).toEqual([])
  })

  test('leaves two spare files to the next holder, however often it was held', async () => {
    for (let round = 0; round < 3; round++) {
      await (await lockDirectory(directory)).release()
      expect((await readdir(join(directory, 'lock'))).toSorted()).toEqual(['spare-1', 'spare-2'])
    }
  })

  test('removes what killed contenders left, with the next holder', async () => {
    await (await lockDirectory(directory)).release()
    await writeFile(join(directory, 'lock', '1_ab.claim-probe-cd'), '')
    const lock = await lockDirectory(directory)
    expect((await claims()).map((name) => name.split('.').at(-1))).toEqual(['claim', 'held'])
    await lock.release()
  })

  test('does not take an unreadable claim for a dead one', async () => {
    await mkdir(join(directory, 'lock'))
    await writeFile(join(directory, 'lock', '17-ab.claim'), '{"pid":17}')
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('17-ab.claim is no claim of this version') as string,
    })
  })
})
