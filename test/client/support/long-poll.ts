// A request of the fake broker that waits for records: answered once, when it is looked at again or its time is over.
import type { FakeSession } from './fake-session.ts'

/** What looks at it again. */
export function longPoll(session: FakeSession, waitMs: number, respond: () => void): () => void {
  let isAnswered = false
  const look = (): void => {
    if (isAnswered || !session.isOpen) return
    isAnswered = true
    clearTimeout(timer)
    session.timers.delete(timer)
    respond()
  }
  const timer = setTimeout(look, waitMs)
  session.timers.add(timer)
  return look
}
