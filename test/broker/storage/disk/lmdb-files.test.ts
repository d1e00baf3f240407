// The checks before LMDB opens an environment, while an owner may be writing to the same files.
import fileSystem, { copyFileSync, mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeReadyToOpen, dataFileOf } from '../../../../broker/storage/disk/lmdb-files.ts'
import { openLmdb } from '../../../../broker/storage/environment.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace.lmdb-files-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  await rm(directory, { recursive: true })
})

/** Calls `hook` after each look that anything takes at a file from now on; returns the number of looks. */
function afterEachLook(hook: () => void): { looks: number } {
  const counted = { looks: 0 }
  for (const name of ['fstatSync', 'readSync'] as const) {
    const original = fileSystem[name] as (...args: unknown[]) => never
    vi.spyOn(fileSystem, name).mockImplementation((...args: unknown[]) => {
      const answer = original(...args)
      counted.looks++
      hook()
      return answer
    })
  }
  // Names that were imported from the module are what its object holds from here on.
  syncBuiltinESMExports()
  return counted
}

test('makeReadyToOpen: takes a commit between two reads of the file for no damage', async () => {
  const path = join(directory, 'segment')
  const before = join(directory, 'before')
  const environment = await openLmdb({ path, mapBytes: 64 * 1024 * 1024, readOnly: false })
  mkdirSync(before)
  copyFileSync(dataFileOf(path), dataFileOf(before))
  await environment.commit((writer) => writer.put(Uint8Array.of(1), new Uint8Array(256 * 1024)))
  await environment.close()
  // Stands for an owner that commits right after the first read.
  const counted = afterEachLook(() => copyFileSync(dataFileOf(path), dataFileOf(before)))
  expect(() => makeReadyToOpen(before, { readOnly: true, mapBytes: 64 * 1024 * 1024 })).not.toThrow()
  expect(counted.looks).toBeGreaterThan(1)
})
