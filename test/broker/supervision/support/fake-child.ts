// A fake child for supervision: it becomes ready, answers, hangs and ends when the test says so.
import type { SignOfLife } from '../../../../broker/supervision/heartbeat.ts'
import type { ChildNews, ReasonTexts } from '../../../../broker/supervision/machine.ts'
import type { SupervisionPolicy } from '../../../../broker/supervision/policy.ts'
import { SupervisedChild, type Charge, type Child } from '../../../../broker/supervision/supervised-child.ts'
import { FakeTime } from '../../control/support/fake-time.ts'

export const policy = {
  startDeadlineMs: 60_000,
  closeGraceMs: 2_000,
  backoff: { firstDelayMs: 100, delayMsMax: 1_600, stableAfterMs: 10_000 },
  heartbeat: { intervalMs: 1_000, silentIntervalsMax: 3, stuckAnswersMax: 4 },
} as const satisfies SupervisionPolicy

export const texts: ReasonTexts = { starting: 'starting', stopping: 'stopping', stuck: 'it was stuck' }

export const well: SignOfLife = { trouble: null, isStuck: false }

/** One life of the child. */
export class FakeChild implements Child {
  readonly pid: number | undefined
  readonly ended: Promise<string>
  readonly drains: number[] = []
  isRunning = true
  kills = 0
  cutOffs = 0
  /** The effect of a kill: a process that waits for a disk ends later. */
  onKill = (): void => this.end('killed')
  /** The answer to a ping. */
  answer = (): Promise<SignOfLife> => Promise.resolve(well)
  readonly started: Promise<void>
  ready = (): void => {}
  fail = (_: Error): void => {}
  #finish = (_: string): void => {}

  constructor(pid: number | undefined) {
    this.pid = pid
    this.ended = new Promise((resolve) => (this.#finish = resolve))
    this.started = new Promise((resolve, reject) => {
      this.ready = resolve
      this.fail = reject
    })
  }

  end(how = 'crashed'): void {
    this.isRunning = false
    this.#finish(how)
  }

  kill(): void {
    this.kills++
    this.onKill()
  }
}

/** A supervised child, its lives, and its news. */
export class Nursery {
  readonly time = new FakeTime()
  readonly lives: FakeChild[] = []
  readonly news: ChildNews[] = []
  readonly child: SupervisedChild<FakeChild>
  /** Most lives that ever ran at once. */
  runningMax = 0
  /** Called with each new life. */
  onLaunch = (_: FakeChild): void => {}

  constructor(charge: Partial<Charge<FakeChild>> = {}, pid: number | null = 7) {
    const whole: Charge<FakeChild> = {
      policy,
      texts,
      launch: () => {
        const child = new FakeChild(pid ?? undefined)
        this.lives.push(child)
        this.runningMax = Math.max(this.runningMax, this.lives.filter(({ isRunning }) => isRunning).length)
        this.onLaunch(child)
        return child
      },
      start: ({ started }) => started,
      drain: (child, deadlineMs) => void child.drains.push(deadlineMs),
      ping: (child) => child.answer(),
      cutOff: (child) => void child.cutOffs++,
      onNews: (news) => void this.news.push(news),
      ...charge,
    }
    this.child = new SupervisedChild(whole, { time: this.time, random: () => 1 })
  }

  /** Returns the newest life. */
  get life(): FakeChild {
    return this.lives.at(-1)!
  }
}
