// Commits to an environment on a small disk. After each commit has begun, and before LMDB writes, another writer takes
// all free blocks: the worst moment. When the commit settles, it frees some of them. Commits of all sizes, until there
// is no room. Argument: a directory.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { NoRoomForCommit, openLmdb } from '#dist/broker/storage/environment.js'

const [, , directory] = process.argv
const filling = join(directory, 'filling')
const key = (n) => Uint8Array.from([1, n >> 8, n & 255])
const SIZES = [100, 2000, 3000, 5000, 70_000, 300_000]

function fill() {
  const file = openSync(filling, 'a')
  for (const bytes of [65_536, 4096]) {
    try {
      while (writeSync(file, new Uint8Array(bytes)) === bytes) {}
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error
    }
  }
  closeSync(file)
}

const open = () => openLmdb({ path: join(directory, 'segment'), mapBytes: 64 * 1024 * 1024, readOnly: false })
let environment = await open()
let stored = 0
const lengths = new Map()
const refused = new Set()
// A commit that does not fit may be followed by one that fits.
for (let n = 0; n < 200; n++) {
  const length = SIZES[n % SIZES.length]
  const rows = (n % 3) + 1
  const write = (writer) => {
    for (let row = 0; row < rows; row++) writer.put(key(n * 4 + row), new Uint8Array(length).fill(n))
    fill()
  }
  try {
    await environment.commit(write, { rows, bytes: rows * length })
    for (let row = 0; row < rows; row++) lengths.set(n * 4 + row, length)
    stored++
  } catch (error) {
    refused.add(error.name)
    if (!(error instanceof NoRoomForCommit)) break
  }
  rmSync(filling, { force: true })
}
await environment.close()
fill()
environment = await open()
const isWhole = [...lengths].every(([n, length]) => {
  const value = environment.get(key(n))
  return value?.length === length && value.every((byte) => byte === (n >> 2) % 256)
})
await environment.close()
console.log(JSON.stringify({ stored, refused: [...refused], isWhole }))
