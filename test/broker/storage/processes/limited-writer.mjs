// Commits to an environment until the operating system refuses to let the file grow, and prints what is stored then. A
// shell that limits the file size starts it. Argument: a directory.
import { openLmdb } from '#dist/broker/storage/environment.js'

const [, , path] = process.argv
const key = (n) => Uint8Array.from([1, n >> 8, n & 255])
const open = () => openLmdb({ path, mapBytes: 64 * 1024 * 1024, readOnly: false })

let environment = await open()
const commit = (n) => environment.commit((writer) => writer.put(key(n), new Uint8Array(3000).fill(n)))
let stored = 0
let failure
while (failure === undefined && stored < 1000) {
  try {
    await commit(stored)
    stored++
  } catch (error) {
    failure = error
  }
}
const isVisible = environment.get(key(stored)) !== undefined
await environment.close()
environment = await open()
const kept = environment.keys({ start: key(0), end: key(1000) }, 2000).length
await environment.close()
const { name, errno } = failure ?? {}
console.log(JSON.stringify({ name, errno, stored, isVisible, kept }))
