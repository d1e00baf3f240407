// The storage of a host on threads of its own: a thread for each owner, a pool of readers, and a maintenance thread. Host
// main thread. The threads run compiled files of broker/storage/, which are named here.
import { createMaintenanceThread } from '../threads/maintenance-thread.ts'
import { startOwnerThread } from '../threads/owner-thread.ts'
import { createReaderPool } from '../threads/reader-pool.ts'
import type { HostStorage } from './host-storage.ts'

const ownerWorker = new URL('../storage/worker.js', import.meta.url)
const maintenanceWorker = new URL('../storage/maintenance-worker.js', import.meta.url)
const readerWorker = new URL('../storage/reader-worker.js', import.meta.url)

/** Returns the storage. `lockWaitMs` says how long a start waits for an earlier host that still holds an owner's lock. */
export function storageThreads(options: { readonly lockWaitMs?: number } = {}): HostStorage {
  return {
    startOwner: ({ ownerId, directory }, { segmentBytes, freeSpaceFloorBytes }) =>
      startOwnerThread({ ownerId, directory, segmentBytes, freeSpaceFloorBytes, ...options }, ownerWorker),
    openReader: ({ readerThreads }) => createReaderPool({ threads: readerThreads, workerUrl: readerWorker }),
    openMaintenance: () => createMaintenanceThread({ workerUrl: maintenanceWorker }),
  }
}
