// The checks before LMDB opens an environment, while an owner may be writing to the same files.
import type * as FileSystem from 'node:fs'
import { copyFileSync, mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeReadyToOpen, dataFileOf } from '../../../../broker/storage/disk/lmdb-files.ts'
import { openLmdb } from '../../../../broker/storage/environment.ts'

const hook = vi.hoisted(() => ({ afterEachLook: () => {} }))

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof FileSystem>()
  const looked = <T>(answer: T): T => {
    hook.afterEachLook()
    return answer
  }
  return {
    ...fs,
    fstatSync: (file: number) => looked(fs.fstatSync(file)),
    readSync: (file: number, into: Uint8Array, at: number, length: number, from: number) =>
      looked(fs.readSync(file, into, at, length, from)),
  }
})

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace.lmdb-files-'))
})
afterEach(async () => {
  hook.afterEachLook = () => {}
  await rm(directory, { recursive: true })
})

test('makeReadyToOpen: takes a commit between two reads of the file for no damage', async () => {
  const path = join(directory, 'segment')
  const before = join(directory, 'before')
  const environment = await openLmdb({ path, mapBytes: 64 * 1024 * 1024, readOnly: false })
  mkdirSync(before)
  copyFileSync(dataFileOf(path), dataFileOf(before))
  await environment.commit((writer) => writer.put(Uint8Array.of(1), new Uint8Array(256 * 1024)))
  await environment.close()
  // Stands for an owner that commits right after the first read.
  hook.afterEachLook = () => copyFileSync(dataFileOf(path), dataFileOf(before))
  expect(() => makeReadyToOpen(before, { readOnly: true, mapBytes: 64 * 1024 * 1024 })).not.toThrow()
})
