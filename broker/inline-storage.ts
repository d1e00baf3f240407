// The storage of a host in the host's own thread, for a broker inside a program: the same functions, behind channels that stay
// in the thread. Any process that embeds a broker.
import type { HostStorage } from './host/host-storage.ts'
import type { OwnerChannel } from './host/owners/owner-link.ts'
import { openOwner, type OwnerParts } from './storage/owner.ts'
import { inlineSegmentMaintenance } from './storage/segment-maintenance.ts'
import { inlineSegmentReader } from './storage/segment-reader.ts'
import { serveCalls } from './channels/calls.ts'
import { channelPair } from './channels/channel-pair.ts'
import type { OwnerCalls, OwnerOptions } from './threads/owner-contract.ts'

/** `parts`: the clock, and what a test puts in place of the disk. */
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
  // On a broken invariant the host sees its owner go, and goes with it. A thread or process would give lock and files
  // back by its end: here the owner is closed first, so that the next one finds them free.
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
  // Nothing of it is left when its close call was answered, or it has gone by itself.
  return { ...hostEnd, join: () => Promise.resolve() }
}
