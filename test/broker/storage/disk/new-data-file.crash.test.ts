// A new environment whose files are made needs no more room to be opened, whoever fills the disk in between.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeReadyToOpen } from '../../../../broker/storage/disk/lmdb-files.ts'
import { NoRoomForCommit, openLmdb } from '../../../../broker/storage/environment.ts'
import { SmallDisk } from '../../../support/disk/small-disk.ts'

const MIB = 1024 * 1024

test('openLmdb: opens a new environment on a disk that was filled after its files were made', async (context) => {
  const disk = await SmallDisk.mount(4 * MIB)
  if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
  onTestFinished(() => disk[Symbol.asyncDispose]())
  const path = join(disk.path, 'new')
  mkdirSync(path)
  makeReadyToOpen(path, { readOnly: false, mapBytes: MIB })
  disk.fill()
  disk.fillInodes()
  const environment = await openLmdb({ path, mapBytes: MIB, readOnly: false })
  const put = () => environment.commit((writer) => writer.put(Uint8Array.of(1), Uint8Array.of(2)))
  await expect(put()).rejects.toThrow(NoRoomForCommit)
  disk.clear()
  await put()
  expect(environment.get(Uint8Array.of(1))).toEqual(Buffer.of(2))
  await environment.close()
})
