// One child over all its lives: carries out the actions of the state machine, and feeds it events. Runs in the controller.
// It knows neither hosts nor processes: the charge says what a child is, and how it is started and drained.
import { withDeadline, type Time } from '../time.ts'
import { startHeartbeat, type SignOfLife } from './heartbeat.ts'
import {
  step,
  unstarted,
  type ChildAction,
  type ChildEvent,
  type ChildNews,
  type ChildState,
  type ReasonTexts,
} from './machine.ts'
import type { SupervisionPolicy } from './policy.ts'

/** One life of a child, from its launch until its process is gone. */
export interface Child {
  /** Undefined for a child inside this process, which cannot be killed for being stuck. */
  readonly pid: number | undefined
  /** Fulfils when the child is gone, with how it ended. */
  readonly ended: Promise<string>
  /** Ends the child at once, without a drain. */
  kill(): void
}

/** What is supervised, and how to control it. */
export interface Charge<C extends Child> {
  readonly policy: SupervisionPolicy
  readonly texts: ReasonTexts
  /** Starts another life; a throw counts as the end of that life. */
  readonly launch: () => C
  /** Fulfils when the child serves; rejects with the reason why it cannot, or with ChildGone. */
  readonly start: (child: C) => Promise<void>
  /** Tells the child to answer what is in flight and to end. Only `ended` shows that it did. */
  readonly drain: (child: C, deadlineMs: number) => void
  /** Needed where the policy has a heartbeat. */
  readonly ping?: (child: C) => Promise<SignOfLife>
  /** Called when a life is asked nothing more; perhaps twice for one life. */
  readonly cutOff?: (child: C) => void
  /** Called with news of the child, for logs, metrics and waiting callers. `child` is the life concerned, if any. */
  readonly onNews?: (news: ChildNews, child: C | undefined) => void
}

/** Thrown by a start that the child's end cut off: `ended`, which follows, says more. */
export class ChildGone extends Error {
  override readonly name = 'ChildGone'
}

/** starting: launched, not serving yet; draining: told to finish; down: does not serve, `reason` says why. */
export type ChildPhase = 'starting' | 'ready' | 'draining' | 'down'

/** A child that is started again whenever it ends. It is down until `start`. */
export class SupervisedChild<C extends Child> {
  readonly #charge: Charge<C>
  readonly #time: Time
  readonly #random: () => number
  #state: ChildState = unstarted
  #child: C | undefined
  #unwatch = (): void => {}
  readonly #timers = new Set<() => void>()
  readonly #whenStopped: (() => void)[] = []

  constructor(charge: Charge<C>, { time, random }: { readonly time: Time; readonly random: () => number }) {
    this.#charge = charge
    this.#time = time
    this.#random = random
  }

  get phase(): ChildPhase {
    const { life, drainMs } = this.#state
    if (life === 'none') return 'down'
    if (drainMs !== null) return 'draining'
    if (life === 'ending') return 'down'
    return life === 'up' ? 'ready' : 'starting'
  }

  /** Why the child is not ready; for a ready child, what is wrong with it. */
  get reason(): string | undefined {
    return this.#state.reason
  }

  /** How often the child was started again. */
  get restarts(): number {
    return this.#state.restarts
  }

  /** The current life, ready or not. */
  get life(): C | undefined {
    return this.#child
  }

  /** Starts the child, and starts it again whenever it ends, until `stop` or `kill`. */
  start(): void {
    this.#take({ event: 'start' })
  }

  /** Drains the child, and kills it where that takes too long. Fulfils when the child is gone. */
  stop(drainMs: number): Promise<void> {
    this.#take({ event: 'stop', drainMs })
    if (this.#state.life === 'none') return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenStopped.push(resolve)
    })
  }

  /** Ends the child at once, and does not start it again. */
  kill(): void {
    this.#take({ event: 'kill' })
  }

  #take(event: ChildEvent): void {
    const { policy, texts } = this.#charge
    const { state, actions } = step(this.#state, event, policy, texts)
    this.#state = state
    for (const action of actions) this.#do(action)
  }

  /** Takes an event of one life; ignored where that life is over. */
  #takeOf(child: C, event: ChildEvent): void {
    if (this.#child === child) this.#take(event)
  }

  #do(action: ChildAction): void {
    const child = this.#child
    switch (action.action) {
      case 'launch':
        return this.#launch()
      case 'kill':
        return child?.kill()
      case 'drain':
        return child && this.#charge.drain(child, action.deadlineMs)
      case 'watch':
        return child && this.#watch(child)
      case 'unwatch':
        return this.#unwatch()
      case 'cutOff':
        return child && this.#charge.cutOff?.(child)
      case 'restartAfter':
        return this.#after(action.delayMs, { event: 'restartDue' })
      case 'overdueAfter':
        return this.#after(action.delayMs, { event: 'drainOverdue' })
      case 'cancelTimers':
        for (const cancel of this.#timers) cancel()
        return this.#timers.clear()
      case 'tell':
        return this.#charge.onNews?.(action.news, child)
    }
  }

  #launch(): void {
    let child: C
    try {
      child = this.#charge.launch()
    } catch (error) {
      return this.#ended(`could not be launched: ${messageOf(error)}`)
    }
    this.#child = child
    void this.#startUp(child)
    void child.ended.then((how) => this.#ended(how))
  }

  async #startUp(child: C): Promise<void> {
    const { startDeadlineMs } = this.#charge.policy
    const late = (): Error => new Error(`did not start within ${startDeadlineMs / 1000} seconds`)
    try {
      await withDeadline(this.#charge.start(child), this.#time, startDeadlineMs, late)
      this.#takeOf(child, { event: 'ready', now: this.#time.elapsed() })
    } catch (error) {
      const why = error instanceof ChildGone ? undefined : messageOf(error)
      this.#takeOf(child, { event: 'failed', why })
    }
  }

  #ended(how: string): void {
    // The actions still concern this life, so #child is cleared after them; a timer launches the next life.
    this.#take({ event: 'ended', how, now: this.#time.elapsed(), chance: this.#random() })
    this.#child = undefined
    if (this.#state.isStopping) for (const resolve of this.#whenStopped.splice(0)) resolve()
  }

  #watch(child: C): void {
    const { policy, ping } = this.#charge
    if (policy.heartbeat === undefined || ping === undefined) return
    this.#unwatch = startHeartbeat({
      ping: () => ping(child),
      time: this.#time,
      intervalMs: policy.heartbeat.intervalMs,
      // A child inside this process cannot be killed, and may serve other requests while one part is stuck.
      onAnswer: ({ trouble, isStuck }) =>
        this.#takeOf(child, { event: 'answered', trouble, isStuck: isStuck && child.pid !== undefined }),
      onSilence: (intervals) => this.#takeOf(child, { event: 'silent', intervals }),
    })
  }

  #after(delayMs: number, event: ChildEvent): void {
    const cancel = this.#time.after(delayMs, () => {
      this.#timers.delete(cancel)
      this.#take(event)
    })
    this.#timers.add(cancel)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
