// The streams of a group, as a member has heard of them: which are gone, and which were made again. Runs in the client, pure.
import type { WireMemberStream } from '../../protocol/operations.ts'
import type { GroupEvent } from './events.ts'

export class KnownStreams {
  /** By name: the number of the stream that the group read last; undefined while there is none. */
  readonly #last = new Map<string, { streamId: number; isGone: boolean }>()

  /** Takes in what the broker says, and returns what is to be told of it. A stream that was never there is not told. */
  heard(streams: readonly WireMemberStream[]): readonly GroupEvent[] {
    const events: GroupEvent[] = []
    for (const { name: stream, streamId } of streams) {
      const known = this.#last.get(stream)
      if (streamId === undefined) {
        if (known === undefined || known.isGone) continue
        known.isGone = true
        events.push({ type: 'streamGone', stream })
        continue
      }
      if (known !== undefined && known.streamId !== streamId) {
        if (!known.isGone) events.push({ type: 'streamGone', stream })
        events.push({ type: 'streamRecreated', stream, streamId })
      }
      this.#last.set(stream, { streamId, isGone: false })
    }
    return events
  }
}
