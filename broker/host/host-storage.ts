// Where the storage of a host runs: on threads of its own, or on this one. The entry chooses. Host main thread, types only.
import type { HostSettings } from '../host-contract.ts'
import type { SegmentMaintenance } from '../threads/maintenance-contract.ts'
import type { SegmentReader } from '../threads/reader-contract.ts'
import type { StartOwner } from './owners/owners.ts'

/** Starts the owners, the readers and the maintenance of a host. */
export interface HostStorage {
  readonly startOwner: StartOwner
  /** Opens the reader of segments: a pool of threads, or code on this thread. */
  readonly openReader: (settings: HostSettings) => SegmentReader
  /** Opens the maintenance that surveys and compacts segments: a thread, or code on this thread. */
  readonly openMaintenance: (settings: HostSettings) => SegmentMaintenance
}
