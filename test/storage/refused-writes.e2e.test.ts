// A write that the operating system really refuses: what failed is told, never visible, and everything before it is there. On a
// full disk that is noticed before LMDB, which does not outlive it (ADR 0010).
import { execFile } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { SmallDisk } from '../support/small-disk.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const writer = fileURLToPath(new URL('limited-writer.mjs', import.meta.url))
const raced = fileURLToPath(new URL('raced-writer.mjs', import.meta.url))
/** Of 512 bytes or 1 KiB each, as the shell has it: far less than the writer wants. */
const FILE_BLOCKS = 2000
/** Less than the writer wants. */
const DISK_BYTES = 2 * 1024 * 1024

test('a disk that is full fails the commit before LMDB is refused a write, and only that', async (context) => {
  await using disk = await SmallDisk.mount(DISK_BYTES)
  if (disk === undefined) return context.skip('This system lets nobody mount a disk of its own (unshare).')
  const { stdout } = await promisify(execFile)(process.execPath, [writer, join(disk.path, 'segment')])
  const told = JSON.parse(stdout) as Record<string, unknown>
  expect(told).toMatchObject({ name: 'NoRoomForCommit', errno: constants.errno.ENOSPC, isVisible: false })
  expect(told['stored']).toBeGreaterThan(10)
  expect(told['kept']).toBe(told['stored'])
})

test('a commit that was begun finds its room, although somebody else takes the last block meanwhile', async (context) => {
  await using disk = await SmallDisk.mount(4 * DISK_BYTES)
  if (disk === undefined) return context.skip('This system lets nobody mount a disk of its own (unshare).')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [raced, disk.path])
  const told = JSON.parse(stdout) as Record<string, unknown>
  expect(told).toMatchObject({ refused: ['NoRoomForCommit'], isWhole: true })
  expect(told['stored']).toBeGreaterThan(20)
  expect(stderr).toBe('')
})

describe.skipIf(process.platform === 'win32')('a file that may not grow any more', () => {
  test('fails the commit that needs it, and only that', async () => {
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
