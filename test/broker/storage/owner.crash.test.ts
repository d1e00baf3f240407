// A new owner on a disk with a little room, but too little: whichever step fails, it gives back what it took.
import { existsSync, mkdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openOwner } from '../../../broker/storage/owner.ts'
import { SmallDisk } from '../../support/disk/small-disk.ts'

const DISK_BYTES = 16 * 1024 * 1024
const BLOCK_BYTES = 4096

const scarcities = [
  { what: 'inodes', fill: (disk: SmallDisk, left: number) => disk.fillInodes(left) },
  { what: 'blocks', fill: (disk: SmallDisk, left: number) => disk.fill(left * BLOCK_BYTES) },
]

describe('openOwner', () => {
  test.for(scarcities)(
    'rejects with storageFull and leaves nothing, however few $what there are, until they suffice',
    async ({ what, fill }, context) => {
      const disk = await SmallDisk.mount(DISK_BYTES)
      if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
      onTestFinished(() => disk[Symbol.asyncDispose]())
      const owners = join(disk.path, 'owners')
      mkdirSync(owners)
      const directory = join(owners, '0000')
      const free = () => {
        const { ffree, bavail } = statfsSync(disk.path)
        return { ffree, bavail }
      }
      const open = () => openOwner({ ownerId: 0, directory, segmentBytes: 1 << 20, freeSpaceFloorBytes: 0 })
      for (let left = 0; ; left++) {
        disk.clear()
        fill(disk, left)
        const before = free()
        const owner = await open().catch((error: unknown) => {
          expect(error, `with ${left} ${what}`).toMatchObject({ code: 'storageFull' })
          return undefined
        })
        if (owner !== undefined) {
          expect(left).toBeGreaterThan(0)
          await owner.handlers.close(null)
          return
        }
        expect(free(), `with ${left} ${what}`).toEqual(before)
        expect(existsSync(directory)).toBe(false)
      }
    },
  )
})
