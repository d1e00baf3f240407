// A write that the operating system really refuses, in LMDB itself: what failed is told, never visible, and everything before it
// is there.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

const writer = fileURLToPath(new URL('limited-writer.mjs', import.meta.url))
/** Of 512 bytes or 1 KiB each, as the shell has it: far less than the writer wants. */
const FILE_BLOCKS = 400

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
    expect(told).toMatchObject({ name: 'CommitFailed', isVisible: false })
    expect(told['errno']).toBeGreaterThan(0)
    expect(told['stored']).toBeGreaterThan(10)
    expect(told['kept']).toBe(told['stored'])
  })
})
