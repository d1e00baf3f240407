// How answers to members are told on the wire. Runs in the controller; pure.
import { errorCodes } from '../../../protocol/error-codes.ts'
import type { WireLease, WireMemberStream } from '../../../protocol/operations.ts'
import type { CheckpointResult } from './machine/messages.ts'
import { leasesOf, type GroupState, type Member } from './machine/state.ts'

/** The shards that are assigned to a member. */
export function wireLeases(state: GroupState, { memberId }: Member): readonly WireLease[] {
  return Array.from(leasesOf(state, memberId), ({ stream, lease }) => ({
    streamId: stream.streamId,
    streamName: stream.name,
    shardIndex: lease.shardIndex,
    epoch: lease.epoch,
    next: lease.next,
    from: { type: stream.from.type, sequenceNumber: undefined, timestamp: stream.from.timestamp },
    isRevoked: lease.isRevoked,
  }))
}

/** The streams that a member wants, as the group has them. */
export function wireStreams(state: GroupState, { streams }: Member): readonly WireMemberStream[] {
  return streams.map(({ name }) => ({ name, streamId: state.streams.get(name)?.streamId }))
}

/** The outcome of one checkpoint. */
export function wireResult({ code, message }: CheckpointResult): {
  code: number
  message: string | undefined
} {
  return code === undefined ? { code: 0, message: undefined } : { code: errorCodes[code].id, message }
}
