// The life of a supervised child as a state machine: takes an event, returns the next state and the actions to carry out.
// Runs in the controller; pure. Invariants: a child is launched only after its predecessor has ended; no child is launched
// after a stop; a child that has to end and does not is killed.
import { failuresInARow, restartDelayMs, type SupervisionPolicy } from './policy.ts'
import { countOf } from '../../protocol/text/count-text.ts'

/**
 * none: no child runs. starting: launched, not ready. up: ready, or was ready when its drain began. ending: killed, but
 * still there, for as long as a disk takes to answer.
 */
export type Life = 'none' | 'starting' | 'up' | 'ending'

export interface ChildState {
  readonly life: Life
  /** Why the child does not serve; for a child that serves, what is wrong with it. */
  readonly reason: string | undefined
  /** Why supervision killed the child, if it did: this says more than the signal in the child's exit. */
  readonly failure: string | undefined
  /** When this life became ready, in elapsed milliseconds; null before. */
  readonly readyAt: number | null
  readonly restarts: number
  /** Failures in a row. */
  readonly failures: number
  /** Answers in a row that said that the child is stuck. */
  readonly stuckAnswers: number
  /** A restart waits for its delay to pass. */
  readonly isWaiting: boolean
  /** A stop or a kill was asked for: no child is launched any more. */
  readonly isStopping: boolean
  /** How long the drain may take, from the stop; null before a stop. */
  readonly drainMs: number | null
}

export type ChildEvent =
  | { readonly event: 'start' }
  | { readonly event: 'ready'; readonly now: number }
  /** The start failed; `why` is undefined where the event 'ended', which follows, says more. */
  | { readonly event: 'failed'; readonly why: string | undefined }
  | { readonly event: 'answered'; readonly trouble: string | null; readonly isStuck: boolean }
  /** `intervals`: intervals in a row without an answer. */
  | { readonly event: 'silent'; readonly intervals: number }
  /** The child is gone. `chance` is from 0 to below 1. */
  | { readonly event: 'ended'; readonly how: string; readonly now: number; readonly chance: number }
  | { readonly event: 'restartDue' }
  | { readonly event: 'stop'; readonly drainMs: number }
  | { readonly event: 'drainOverdue' }
  | { readonly event: 'kill' }

export type ChildAction =
  | { readonly action: 'launch' }
  | { readonly action: 'kill' }
  /** Tell the child to finish its work and to end. */
  | { readonly action: 'drain'; readonly deadlineMs: number }
  /** Start or stop the heartbeat. */
  | { readonly action: 'watch' | 'unwatch' }
  /** Ask the child nothing more, and fail the calls that wait for its answers. */
  | { readonly action: 'cutOff' }
  | { readonly action: 'restartAfter' | 'overdueAfter'; readonly delayMs: number }
  | { readonly action: 'cancelTimers' }
  | { readonly action: 'tell'; readonly news: ChildNews }

/** News for the charge: for the log, and for callers that wait for the child. */
export type ChildNews =
  | { readonly news: 'ready' | 'restarting' | 'stopped' | 'drainOverdue' }
  | { readonly news: 'hangs'; readonly why: string }
  | { readonly news: 'down'; readonly how: string; readonly failures: number; readonly delayMs: number }

export interface Step {
  readonly state: ChildState
  readonly actions: readonly ChildAction[]
}

/** Texts for the `reason` of a child of this kind. */
export interface ReasonTexts {
  /** While the child starts: `opening its storage`. */
  readonly starting: string
  /** From the stop on: `the broker is stopping`. */
  readonly stopping: string
  /** For a child that answers but is stuck: `its storage did nothing`. */
  readonly stuck: string
}

export const unstarted: ChildState = {
  life: 'none',
  reason: 'not started yet',
  failure: undefined,
  readyAt: null,
  restarts: 0,
  failures: 0,
  stuckAnswers: 0,
  isWaiting: false,
  isStopping: false,
  drainMs: null,
}

/** Returns what follows from an event. An event without meaning in a state (a late answer, a second stop) is ignored. */
export function step(
  state: ChildState,
  event: ChildEvent,
  policy: SupervisionPolicy,
  texts: ReasonTexts,
): Step {
  const { life, isStopping, isWaiting } = state
  switch (event.event) {
    case 'start':
      return life === 'none' && !isWaiting && !isStopping ? launched(state, texts) : unchanged(state)
    case 'restartDue': {
      if (!isWaiting || isStopping) return unchanged(state)
      const next = launched({ ...state, restarts: state.restarts + 1, isWaiting: false }, texts)
      return { ...next, actions: [tell({ news: 'restarting' }), ...next.actions] }
    }
    case 'ready':
      return life === 'starting' ? up({ ...state, readyAt: event.now }) : unchanged(state)
    case 'failed':
      return life === 'starting' ? failed(state, event.why) : unchanged(state)
    case 'answered':
      return answered(state, event, policy, texts)
    case 'silent':
      return silent(state, event.intervals, policy)
    case 'ended':
      return life === 'none' ? unchanged(state) : ended(state, event, policy, texts)
    case 'stop':
      return isStopping ? unchanged(state) : stopped(state, event.drainMs, policy, texts)
    case 'drainOverdue':
      if (life === 'none') return unchanged(state)
      return {
        state: { ...state, life: 'ending' },
        actions: [tell({ news: 'drainOverdue' }), { action: 'kill' }],
      }
    case 'kill':
      return killed(state)
  }
}

function launched(state: ChildState, texts: ReasonTexts): Step {
  const fresh = { readyAt: null, failure: undefined, stuckAnswers: 0 }
  const next = { ...state, ...fresh, life: 'starting', reason: texts.starting } as const
  return { state: next, actions: [{ action: 'launch' }] }
}

function up(state: ChildState): Step {
  const next = { ...state, life: 'up' } as const
  // A child that was stopped while it started is drained now: it could not close its storage before it had opened it.
  if (state.drainMs !== null) return { state: next, actions: [drain(state.drainMs)] }
  if (state.isStopping) return { state: next, actions: [] }
  return { state: { ...next, reason: undefined }, actions: [{ action: 'watch' }, tell({ news: 'ready' })] }
}

function failed(state: ChildState, why: string | undefined): Step {
  // A child that is being stopped is drained although its start failed, so that it closes what it has opened.
  if (state.drainMs !== null) return up(state)
  const next = { ...state, life: 'ending', reason: why ?? state.reason, failure: why } as const
  return { state: next, actions: [{ action: 'kill' }] }
}

function answered(
  state: ChildState,
  { trouble, isStuck }: { readonly trouble: string | null; readonly isStuck: boolean },
  { heartbeat }: SupervisionPolicy,
  texts: ReasonTexts,
): Step {
  if (state.life !== 'up' || state.isStopping) return unchanged(state)
  const stuckAnswers = isStuck ? state.stuckAnswers + 1 : 0
  const next = { ...state, reason: trouble ?? undefined, stuckAnswers }
  if (heartbeat === undefined || stuckAnswers < heartbeat.stuckAnswersMax) return unchanged(next)
  return givenUp(next, `${texts.stuck} over ${countOf(stuckAnswers, 'heartbeat')}`)
}

function silent(state: ChildState, intervals: number, { heartbeat }: SupervisionPolicy): Step {
  if (state.life !== 'up' || state.isStopping || heartbeat === undefined) return unchanged(state)
  const { silentIntervalsMax } = heartbeat
  if (intervals < silentIntervalsMax) {
    const reason = `does not answer: ${intervals} of ${silentIntervalsMax} heartbeats missed`
    return unchanged({ ...state, reason })
  }
  return givenUp(state, `did not answer ${countOf(intervals, 'heartbeat')} in a row`)
}

function givenUp(state: ChildState, why: string): Step {
  return {
    state: { ...state, life: 'ending', reason: why, failure: why },
    // A killed process that waits for a disk ends only when the disk answers: `cutOff` spares callers that wait.
    actions: [{ action: 'unwatch' }, tell({ news: 'hangs', why }), { action: 'kill' }, { action: 'cutOff' }],
  }
}

function ended(
  state: ChildState,
  { how, now, chance }: { readonly how: string; readonly now: number; readonly chance: number },
  { backoff }: SupervisionPolicy,
  texts: ReasonTexts,
): Step {
  const servedMs = state.readyAt === null ? null : now - state.readyAt
  const gone = { ...state, life: 'none', readyAt: null, failure: undefined } as const
  const always = [{ action: 'unwatch' }, { action: 'cutOff' }, { action: 'cancelTimers' }] as const
  if (state.isStopping) {
    return { state: { ...gone, reason: texts.stopping }, actions: [...always, tell({ news: 'stopped' })] }
  }
  const reason = state.failure ?? how
  const failures = failuresInARow(state.failures, servedMs, backoff)
  const delayMs = restartDelayMs(failures, chance, backoff)
  return {
    state: { ...gone, reason, failures, isWaiting: true },
    actions: [
      ...always,
      tell({ news: 'down', how: reason, failures, delayMs }),
      { action: 'restartAfter', delayMs },
    ],
  }
}

function stopped(
  state: ChildState,
  drainMs: number,
  { closeGraceMs }: SupervisionPolicy,
  texts: ReasonTexts,
): Step {
  const next = { ...state, isStopping: true, isWaiting: false }
  const quiet = [{ action: 'cancelTimers' }, { action: 'unwatch' }] as const
  if (state.life === 'none') return { state: next, actions: [...quiet, tell({ news: 'stopped' })] }
  const overdue = { action: 'overdueAfter', delayMs: drainMs + closeGraceMs } as const
  return {
    state: { ...next, drainMs, reason: texts.stopping },
    actions: [...quiet, overdue, ...(state.life === 'up' ? [drain(drainMs)] : [])],
  }
}

function killed(state: ChildState): Step {
  const next = { ...state, isStopping: true, isWaiting: false }
  const quiet = [{ action: 'cancelTimers' }, { action: 'unwatch' }] as const
  if (state.life === 'none') {
    return { state: next, actions: state.isStopping ? [] : [...quiet, tell({ news: 'stopped' })] }
  }
  return { state: { ...next, life: 'ending' }, actions: [...quiet, { action: 'kill' }] }
}

function drain(deadlineMs: number): ChildAction {
  return { action: 'drain', deadlineMs }
}

function tell(news: ChildNews): ChildAction {
  return { action: 'tell', news }
}

function unchanged(state: ChildState): Step {
  return { state, actions: [] }
}
