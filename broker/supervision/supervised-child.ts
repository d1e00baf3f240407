// One child over all its lives: carries out what the machine says, and tells the machine what happens. Runs in the controller.
// It knows neither hosts nor processes: what a child is, how it gets ready and how it is drained are its charge's.
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

/** One life of a child, from its launch until nothing is left of it. */
export interface Child {
  /** Absent for one that runs in this process: it cannot be ended for being stuck. */
  readonly pid: number | undefined
  /** Fulfils once nothing of it is left, with how it ended. */
  readonly ended: Promise<string>
  /** Ends it at once, without a drain. */
  kill(): void
}

/** What is supervised, and how it is spoken to. */
export interface Charge<C extends Child> {
  readonly policy: SupervisionPolicy
  readonly texts: ReasonTexts
  /** Starts another life; a throw counts as an end. */
  readonly launch: () => C
  /** Fulfils when it serves; rejects with why it cannot, or with ChildGone. */
  readonly start: (child: C) => Promise<void>
  /** Tells it to answer what is in flight and to end. Its end is all that counts. */
  readonly drain: (child: C, deadlineMs: number) => void
  /** Needed where the policy has a heartbeat. */
  readonly ping?: (child: C) => Promise<SignOfLife>
  /** Called when nothing more is asked of a life; perhaps twice. */
  readonly cutOff?: (child: C) => void
  /** Told what becomes of it, for logs, metrics, and whatever waits. `child` is the life concerned, where there is one. */
  readonly onNews?: (news: ChildNews, child: C | undefined) => void
}

/** A start was cut off by the end of the child: that end, which follows, tells more. */
export class ChildGone extends Error {
  override readonly name = 'ChildGone'
}

/** starting: launched, not serving yet; draining: told to finish; down: does not serve, the reason says why. */
export type ChildPhase = 'starting' | 'ready' | 'draining' | 'down'

/** A child that is down until it is started. */
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

  /** Why it is not ready; of one that is, what is wrong with it nevertheless. */
  get reason(): string | undefined {
    return this.#state.reason
  }

  /** How often it was started again. */
  get restarts(): number {
    return this.#state.restarts
  }

  /** The life that runs, ready or not. */
  get life(): C | undefined {
    return this.#child
  }

  /** Starts it, and from then on starts it again when it ends, until it is stopped or killed. */
  start(): void {
    this.#take({ event: 'start' })
  }

  /** Tells it to finish and to end, and kills it where that takes too long. Fulfils when nothing of it is left. */
  stop(drainMs: number): Promise<void> {
    this.#take({ event: 'stop', drainMs })
    if (this.#state.life === 'none') return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenStopped.push(resolve)
    })
  }

  /** Ends it at once, and starts none any more. */
  kill(): void {
    this.#take({ event: 'kill' })
  }

  #take(event: ChildEvent): void {
    const { policy, texts } = this.#charge
    const { state, actions } = step(this.#state, event, policy, texts)
    this.#state = state
    for (const action of actions) this.#do(action)
  }

  /** What happened to a life that may be over by now. */
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
    // What follows from it is still about this life; the next one is launched by a timer.
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
      // One in this process could not be ended, and what else it serves goes on.
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
