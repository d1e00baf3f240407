// Answers where nothing can be stored, because the disk is full or is asked for too much. Runs in the controller; pure.
import type { GroupAnswer, GroupMessage } from './machine/messages.ts'
import { done, refused } from './machine/messages.ts'
import { claimed, memberNotFound } from './machine/membership.ts'
import { progressOf } from './machine/progress.ts'
import type { GroupState } from './machine/state.ts'

const RETRY_AFTER_MS = 1_000

/** Returns the answer to a message of which nothing was stored; what stores nothing is answered as ever. */
export function unstored(
  name: string,
  state: GroupState | undefined,
  message: GroupMessage,
  why: 'noRoom' | 'partly' | 'overloaded',
): GroupAnswer {
  switch (message.type) {
    case 'renew':
      return claimed(state, message) === undefined ? memberNotFound(name, message.memberId) : done
    case 'sync':
      if (claimed(state, message) === undefined) return memberNotFound(name, message.memberId)
      return message.released.length === 0 ? done : unavailable(why)
    case 'tick':
      return done
    case 'loadProgress': {
      const stream = state?.streams.get(message.stream)
      return { is: 'progress', progress: stream && progressOf(stream) }
    }
    case 'leave':
    case 'delete':
      return unavailable(why)
    case 'join':
    case 'saveCheckpoints':
    case 'saveProgress':
    case 'reset':
    case 'pause':
      if (why === 'overloaded') return unavailable(why)
      return refused(
        'storageFull',
        `The disk has no room for what group ${name} has to store.`,
        RETRY_AFTER_MS,
      )
  }
}

function unavailable(why: 'noRoom' | 'partly' | 'overloaded'): GroupAnswer {
  if (why === 'overloaded') {
    return refused('overloaded', 'The disk is slower than what is asked of the groups.', RETRY_AFTER_MS)
  }
  return refused('unavailable', 'The disk is full; nothing was done.', RETRY_AFTER_MS)
}
