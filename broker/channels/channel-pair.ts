// Two ends of a channel in one thread: for a host inside a program, and for tests. Runs anywhere in the broker.
import type { Channel } from './channel.ts'
import { openChannel, type OpenChannel } from './open-channel.ts'

/**
 * Two ends in one thread. Messages are handed over as they are, not cloned, in a later microtask and in order: a buffer
 * that was transferred, and anything that was posted, belongs to the receiver.
 */
export function channelPair(): [Channel, Channel] {
  const left = openChannel({ post: (message) => toRight.send(message), shut: () => toRight.end() })
  const right = openChannel({ post: (message) => toLeft.send(message), shut: () => toLeft.end() })
  const toLeft = oneWay(left)
  const toRight = oneWay(right)
  return [left.channel, right.channel]
}

/** One direction of a pair: what is under way, delivered one message a microtask. */
function oneWay(end: OpenChannel): { send(message: unknown): void; end(): void } {
  return {
    send: (message) => queueMicrotask(() => end.deliver(message)),
    end: () => queueMicrotask(() => end.ended(new Error('the channel was closed by the other side'))),
  }
}
