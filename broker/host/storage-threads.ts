// The storage of a host on threads of its own: an owner thread for each owner, a pool of readers, and maintenance. Host main
// thread. The workers are compiled files of storage; this file knows where they lie.
import { createMaintenanceThread } from '../threads/maintenance-thread.ts'
import { startOwnerThread } from '../threads/owner-thread.ts'
import { createReaderPool } from '../threads/reader-pool.ts'
import type { HostStorage } from './host-storage.ts'

const ownerWorker = new URL('../storage/worker.js', import.meta.url)
const maintenanceWorker = new URL('../storage/maintenance-worker.js', import.meta.url)
const readerWorker = new URL('../storage/reader-worker.js', import.meta.url)

/** `lockWaitMs`: how long a start waits for an earlier host that still holds an owner. */
export function storageThreads(options: { readonly lockWaitMs?: number } = {}): HostStorage {
  return {
    startOwner: ({ ownerId, directory }, { segmentBytes, freeSpaceFloorBytes }) =>
      startOwnerThread({ ownerId, directory, segmentBytes, freeSpaceFloorBytes, ...options }, ownerWorker),
    openReader: ({ readerThreads }) => createReaderPool({ threads: readerThreads, workerUrl: readerWorker }),
    openMaintenance: () => createMaintenanceThread({ workerUrl: maintenanceWorker }),
  }
}
