// Loaded into every thread of a host before its own code: the thread of an owner stops for good, in the middle of its event loop,
// as soon as somebody has asked for that by a file in the data directory. The file's new name says that it has.
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread, workerData } from 'node:worker_threads'

if (!isMainThread && workerData?.ownerId !== undefined) {
  const asked = join(workerData.directory, '..', '..', `stall-${workerData.ownerId}`)
  const looking = setInterval(() => {
    if (!existsSync(asked)) return
    renameSync(asked, `${asked}-done`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }, 5)
  looking.unref()
}
