// A process of an application that is a member of the group: it joins, reads what it is given, checkpoints and releases, as
// the client does. What it sends may arrive late, twice or never, and so may what it gets. Pure.
import type {
  CheckpointMessage,
  MemberClaim,
  GroupMessage,
  JoinMessage,
} from '../../../../../../broker/control/groups/machine/messages.ts'
import { leasesOf, type StartPosition } from '../../../../../../broker/control/groups/machine/state.ts'
import type { ModelGroup } from './model-group.ts'

interface Held {
  readonly streamId: number
  readonly shardIndex: number
  readonly epoch: number
  readonly isRevoked: boolean
}

export class ModelProcess {
  readonly memberId: string
  readonly secretHash: string
  wants: readonly string[]
  from: StartPosition['type'] = 'TRIM_HORIZON'
  version = 0
  /** Of the group that it was in last. */
  life: number | undefined
  held: readonly Held[] = []

  constructor(memberId: string, secretHash: string, wants: readonly string[]) {
    this.memberId = memberId
    this.secretHash = secretHash
    this.wants = wants
  }

  get claim(): MemberClaim {
    return { memberId: this.memberId, secretHash: this.secretHash }
  }

  /** `isSure`: it asks only for streams that there are. */
  join({ catalog, state }: ModelGroup, leaseMs: number, isSure = true): JoinMessage {
    const { from } = this
    const there = this.wants.filter((name) => !isSure || catalog.streams.has(name))
    const timestamp = from === 'AT_TIMESTAMP' ? 5 : undefined
    const streams = there.map((name) => ({ name, from: { type: from, timestamp } }))
    const unread = there.filter(
      (name) => catalog.streams.get(name)?.streamId !== state?.streams.get(name)?.streamId,
    )
    const pins = new Map(
      from === 'LATEST'
        ? unread.filter((name) => catalog.streams.has(name)).map((name) => [name, catalog.pins(name)])
        : [],
    )
    return { type: 'join', ...this.claim, streams, leaseMs, address: '', life: this.life, pins }
  }

  /** Releases what was revoked, or only some of it; reports a rate for everything that it holds. */
  sync(rateOf: (held: Held) => number, isReleasing: boolean): GroupMessage {
    const released = isReleasing ? this.held.filter(({ isRevoked }) => isRevoked) : []
    const reports = this.held.map((held) => ({
      ...held,
      recordsPerSecond: rateOf(held),
      bytesPerSecond: 0,
      state: 'reading' as const,
      since: 0,
      sequenceNumber: undefined,
      detail: undefined,
    }))
    return { type: 'sync', ...this.claim, address: '', reports, released }
  }

  checkpoint({ catalog }: ModelGroup, held: Held, next: number, isEnd = false): CheckpointMessage {
    const { streamId, shardIndex, epoch } = held
    return { streamId, shardIndex, epoch, next, isEnd, tail: catalog.tailOf(streamId, shardIndex) }
  }

  /** Takes in what the group would answer to a sync now. */
  learn({ state }: ModelGroup): void {
    const member = state?.members.get(this.memberId)
    if (state === undefined || member?.secretHash !== this.secretHash) {
      this.held = []
      return
    }
    if (member.version === this.version) return
    this.version = member.version
    this.held = Array.from(leasesOf(state, this.memberId), ({ stream: { streamId }, lease }) => ({
      streamId,
      shardIndex: lease.shardIndex,
      epoch: lease.epoch,
      isRevoked: lease.isRevoked,
    }))
  }
}
