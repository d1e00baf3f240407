// Two ends of a channel in one thread: for a host inside a program, and for tests. Runs anywhere in the broker.
import type { Channel } from './channel.ts'
import { openChannel, type OpenChannel } from './open-channel.ts'

/**
 * Returns the two ends. Messages are passed by reference, not cloned, in order and in a later microtask: everything that
 * is posted belongs to the receiver from then on.
 */
export function channelPair(): [Channel, Channel] {
  const left = openChannel({ post: (message) => toRight.send(message), shut: () => toRight.end() })
  const right = openChannel({ post: (message) => toLeft.send(message), shut: () => toLeft.end() })
  const toLeft = oneWay(left)
  const toRight = oneWay(right)
  return [left.channel, right.channel]
}

/** One direction of a pair: delivers each message in its own microtask. */
function oneWay(end: OpenChannel): { send(message: unknown): void; end(): void } {
  return {
    send: (message) => queueMicrotask(() => end.deliver(message)),
    end: () => queueMicrotask(() => end.ended(new Error('the channel was closed by the other side'))),
  }
}
