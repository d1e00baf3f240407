// Runs the storage of a host in the host's own thread, for an embedded broker: the same functions as on threads, behind
// channels within the thread. Runs in any process that embeds a broker.
import type { HostStorage } from './host/host-storage.ts'
import type { OwnerChannel } from './host/owners/owner-link.ts'
import { openOwner, type OwnerParts } from './storage/owner.ts'
import { inlineSegmentMaintenance } from './storage/segment-maintenance.ts'
import { inlineSegmentReader } from './storage/segment-reader.ts'
import { serveCalls } from './channels/calls.ts'
import { channelPair } from './channels/channel-pair.ts'
import type { OwnerCalls, OwnerOptions } from './threads/owner-contract.ts'

/** Makes inline storage. `parts`: the clock, and the parts that a test replaces. */
export function inlineStorage(parts: OwnerParts): HostStorage {
  const { openEnvironment } = parts
  return {
    startOwner: ({ ownerId, directory }, { segmentBytes, freeSpaceFloorBytes }) =>
      inlineOwner({ ownerId, directory, segmentBytes, freeSpaceFloorBytes, ...parts }),
    openReader: () => inlineSegmentReader(openEnvironment ? { openEnvironment } : {}),
    openMaintenance: () => inlineSegmentMaintenance(parts),
  }
}

async function inlineOwner(options: OwnerOptions & OwnerParts): Promise<OwnerChannel> {
  const [hostEnd, ownerEnd] = channelPair()
  // On a broken invariant the owner's channel closes, and its host ends too. The end of a thread or process would free lock
  // and files; here the owner is closed first, so that the next owner finds them free.
  let broken: Promise<void> | undefined
  const onBroken = (): void => {
    broken ??= Promise.resolve(owner.handlers.close(null)).then(
      () => ownerEnd.close(),
      () => ownerEnd.close(),
    )
  }
  const owner = await openOwner({ ...options, onBroken })
  const { notify } = serveCalls<OwnerCalls>(ownerEnd, owner.handlers, { onBroken })
  owner.onNotice(notify)
  // Nothing to join: the owner is gone when its close call is answered, or when its channel has closed.
  return { ...hostEnd, join: () => Promise.resolve() }
}
