// Where the storage of a host runs, as an entry chooses it: on threads of its own, or in this one. Host main thread, types only.
import type { HostSettings } from '../host-contract.ts'
import type { SegmentMaintenance } from '../threads/maintenance-contract.ts'
import type { SegmentReader } from '../threads/reader-contract.ts'
import type { StartOwner } from './owners/owners.ts'

/** Starts the owners, the readers and the maintenance of a host. */
export interface HostStorage {
  readonly startOwner: StartOwner
  /** Opens the reader of segments: a pool of threads, or in this one. */
  readonly openReader: (settings: HostSettings) => SegmentReader
  /** Opens what surveys and compacts segments: a thread, or in this one. */
  readonly openMaintenance: (settings: HostSettings) => SegmentMaintenance
}
