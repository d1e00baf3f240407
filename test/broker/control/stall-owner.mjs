// Loaded into every thread of a host before the thread's own code. An owner's thread stops for good, in the middle of its
// event loop, as soon as a test puts a file into the data directory. It then renames the file, to say that it has stopped.
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
