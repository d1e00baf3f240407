// A write that the operating system really refuses: the failed commit is reported and never visible, and all earlier
// commits are there. A full disk is noticed before LMDB writes, because lmdb-js does not survive a refused write (ADR
// 0010).
import { execFile } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { SmallDisk } from '../../../support/disk/small-disk.ts'
import { temporaryDirectory } from '../../../support/disk/temporary.ts'

const writer = fileURLToPath(new URL('../processes/limited-writer.mjs', import.meta.url))
const raced = fileURLToPath(new URL('../processes/raced-writer.mjs', import.meta.url))
/** In blocks of 512 bytes or 1 KiB, depending on the shell: far less than the writer wants. */
const FILE_BLOCKS = 2000
/** Less than the writer wants. */
const DISK_BYTES = 2 * 1024 * 1024

test('commit: a full disk fails it before LMDB is refused a write, and fails nothing else', async (context) => {
  await using disk = await SmallDisk.mount(DISK_BYTES)
  if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
  const { stdout } = await promisify(execFile)(process.execPath, [writer, join(disk.path, 'segment')])
  const told = JSON.parse(stdout) as Record<string, unknown>
  expect(told).toMatchObject({ name: 'NoRoomForCommit', errno: constants.errno.ENOSPC, isVisible: false })
  expect(told['stored']).toBeGreaterThan(10)
  expect(told['kept']).toBe(told['stored'])
})

test('commit: once begun it has its room, although another program takes the last block meanwhile', async (context) => {
  await using disk = await SmallDisk.mount(4 * DISK_BYTES)
  if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [raced, disk.path])
  const told = JSON.parse(stdout) as Record<string, unknown>
  expect(told).toMatchObject({ refused: ['NoRoomForCommit'], isWhole: true })
  expect(told['stored']).toBeGreaterThan(20)
  expect(stderr).toBe('')
})

describe.skipIf(process.platform === 'win32')('a file at its size limit', () => {
  test('fails the commit that needs it to grow, and only that commit', async () => {
    await using directory = await temporaryDirectory()
    const limited = `ulimit -f ${FILE_BLOCKS} && exec "$@"`
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      limited,
      'sh',
      process.execPath,
      writer,
      directory.path,
    ])
    const told = JSON.parse(stdout) as Record<string, unknown>
    expect(told).toMatchObject({ name: 'NoRoomForCommit', errno: constants.errno.ENOSPC, isVisible: false })
    expect(told['stored']).toBeGreaterThan(10)
    expect(told['kept']).toBe(told['stored'])
  })
})
