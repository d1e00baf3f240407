// The machine of a consumer group: from a state and the messages that wait, to the next state, the rows to write, and the
// answers. Runs in the controller; pure: no clock, no chance, nothing that is read or written.
// The caller writes the rows and then takes the next state and gives the answers; where the rows are not stored, it keeps
// the state that it has. So the state is never ahead of the disk, and what was answered is on it.
import type { SmallWrite } from '../../../small-rows-contract.ts'
import { settle } from './assignment.ts'
import { saveCheckpoints } from './checkpoints.ts'
import { Draft, type DraftOptions, type GroupEvents } from './draft.ts'
import { expire, join, leave, memberNotFound, raiseVersions, renew } from './membership.ts'
import { done, type GroupAnswer, type GroupMessage } from './messages.ts'
import { groupNotFound, loadProgress, refusedInUse, reset, saveProgress } from './progress.ts'
import type { GroupState, GroupMoment } from './state.ts'
import { follow } from './subscriptions.ts'
import { sync } from './sync.ts'

export interface Told {
  readonly message: GroupMessage
  readonly at: GroupMoment
}

export interface AdvanceOptions extends DraftOptions {
  /** Rows after which no further message is taken. */
  readonly takenRowsMax: number
  readonly at: GroupMoment
}

export interface Advance {
  readonly state: GroupState | undefined
  /** To be stored in this order; the last one last, after all others are durable, where they do not fit into one change. */
  readonly writes: readonly SmallWrite[]
  /** Of the messages that were taken, from the first on. The others are to be told again. */
  readonly answers: readonly GroupAnswer[]
  /** Members for which something has changed, or that are gone. */
  readonly changed: ReadonlySet<string>
  readonly hasGarbage: boolean
  readonly events: Readonly<GroupEvents>
}

/** Rows that a message may need and still be taken together with others. */
export const MESSAGE_ROWS_MAX = 64

/** Takes messages, in order, as long as their rows fit; then assigns what is to be assigned. */
export function advance(messages: readonly Told[], options: AdvanceOptions): Advance {
  const draft = new Draft(options)
  draft.at = messages[0]?.at ?? options.at
  follow(draft)
  const answers: GroupAnswer[] = []
  for (const { message, at } of messages) {
    const isLarge = isLargeMessage(message)
    if (answers.length > 0 && (isLarge || draft.rowCount >= options.takenRowsMax)) break
    draft.at = at
    expire(draft)
    answers.push(step(draft, message))
    if (isLarge) break
  }
  settle(draft)
  raiseVersions(draft)
  const { changed, hasGarbage, events } = draft
  return { state: draft.found, writes: draft.writes(), answers, changed, hasGarbage, events }
}

/** Returns the state after the renewals among the messages alone: what is left of them where nothing can be stored. */
export function renewed(state: GroupState | undefined, messages: readonly Told[]): GroupState | undefined {
  const draft = new Draft({
    state,
    name: state?.name ?? '',
    factsOf: () => undefined,
    version: 0,
    rowsMax: 1,
    catalog: undefined,
    graceMs: 0,
  })
  for (const { message, at } of messages) {
    draft.at = at
    if ('memberId' in message && message.type !== 'leave' && message.type !== 'join') renew(draft, message)
  }
  return draft.found
}

/** True if the message may need many rows: it is taken alone, so that no other one shares its fate. */
function isLargeMessage(message: GroupMessage): boolean {
  switch (message.type) {
    case 'join':
      return message.pins.size > 0
    case 'sync':
      return message.released.length > MESSAGE_ROWS_MAX
    case 'saveCheckpoints':
      return message.checkpoints.length > MESSAGE_ROWS_MAX
    case 'saveProgress':
      return !message.isPartial || message.progress.shards.length > MESSAGE_ROWS_MAX
    case 'reset':
    case 'delete':
      return true
    case 'renew':
    case 'leave':
    case 'pause':
    case 'loadProgress':
    case 'tick':
      return false
  }
}

function step(draft: Draft, message: GroupMessage): GroupAnswer {
  switch (message.type) {
    case 'join':
      return join(draft, message)
    case 'renew':
      return renew(draft, message) === undefined ? memberNotFound(draft.name, message.memberId) : done
    case 'sync':
      return sync(draft, message)
    case 'saveCheckpoints':
      return saveCheckpoints(draft, message)
    case 'leave':
      return leave(draft, message)
    case 'reset':
      return reset(draft, message)
    case 'delete':
      return remove(draft, message.isForced)
    case 'pause':
      return pause(draft, message.isPaused)
    case 'loadProgress':
      return loadProgress(draft, message.stream)
    case 'saveProgress':
      return saveProgress(draft, message)
    case 'tick':
      return done
  }
}

function remove(draft: Draft, isForced: boolean): GroupAnswer {
  if (draft.found === undefined) return groupNotFound(draft.name)
  const inUse = isForced ? undefined : refusedInUse(draft, 'first, or force the deletion')
  if (inUse !== undefined) return inUse
  draft.delete()
  return done
}

function pause(draft: Draft, isPaused: boolean): GroupAnswer {
  const { found } = draft
  if (found === undefined) return groupNotFound(draft.name)
  if (found.isPaused !== isPaused) {
    draft.set({ isPaused })
    for (const memberId of found.members.keys()) draft.changed.add(memberId)
  }
  return done
}
