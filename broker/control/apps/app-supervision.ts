// Keeps the daemon's apps running: each is a supervised child. Runs in the controller. A life of an app gets all that it needs by
// one message, with a token that ends with it, and tells when it serves. An app that ends takes nothing of the broker with it.
import type { AppLogEntry, AppMessage, AppStart } from '../../../protocol/apps/app-channel.ts'
import { visible } from '../../../protocol/text/visible-text.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { AppName } from '../../config/apps/app-table.ts'
import type { ChildNews } from '../../supervision/machine.ts'
import type { SupervisionPolicy } from '../../supervision/policy.ts'
import { programCharge, type Program, type RunningProgram } from '../../supervision/program.ts'
import {
  ChildGone,
  SupervisedChild,
  type Charge,
  type ChildPhase,
} from '../../supervision/supervised-child.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Time } from '../../time.ts'
import type { AppTokens } from '../access/app-tokens.ts'

export const appPolicy = {
  /** A start loads the app and connects to the broker, whose hosts may be opening their storage. */
  startDeadlineMs: 120_000,
  closeGraceMs: 5_000,
  backoff: { firstDelayMs: 100, delayMsMax: 10_000, stableAfterMs: 30_000 },
} as const satisfies SupervisionPolicy

export interface AppSupervisionOptions {
  readonly apps: readonly AppName[]
  readonly programOf: (app: AppName) => Program
  /** What an app is told at each start. */
  readonly startOf: (app: AppName, token: string | undefined) => AppStart
  readonly tokens: Pick<AppTokens, 'renew' | 'revoke'>
  /** False for an app that may do all that it needs without saying who it is. */
  readonly needsToken: (app: AppName) => boolean
  readonly time: Time
  readonly random: () => number
  readonly log: Logger
  readonly onRestart: (app: AppName) => void
}

export interface AppStatus {
  readonly app: AppName
  readonly state: ChildPhase
  readonly pid: number | undefined
  /** Where it serves; undefined until it was ready once. */
  readonly url: string | undefined
  readonly reason: string | undefined
}

interface App {
  readonly app: AppName
  readonly child: SupervisedChild<RunningProgram>
  url: string | undefined
}

export class AppSupervision {
  readonly #options: AppSupervisionOptions
  readonly #apps: readonly App[]
  /** Called with each app that is ready, and when no app is started any more. */
  readonly #waiters = new Set<() => void>()
  #isStopping = false

  constructor(options: AppSupervisionOptions) {
    this.#options = options
    this.#apps = options.apps.map((app) => ({
      app,
      child: new SupervisedChild(this.#charge(app), options),
      url: undefined,
    }))
  }

  /** Starts every app, and starts each again that ends, until `drain` or `kill`. */
  start(): void {
    for (const { child } of this.#apps) child.start()
  }

  get apps(): readonly AppStatus[] {
    return this.#apps.map(({ app, child, url }) => {
      const { phase: state, life, reason } = child
      return { app, state, pid: life?.pid, url, reason }
    })
  }

  /** Why apps do not serve, a sentence for each that does not. */
  get reasons(): readonly string[] {
    return this.apps.flatMap(({ app, state, reason = 'not known why' }) =>
      state === 'ready' ? [] : [`app ${app} is ${state}: ${reason}`],
    )
  }

  /** Fulfils when every app serves; rejects when the broker stops before that. */
  async whenReady(): Promise<void> {
    while (this.reasons.length > 0) {
      if (this.#isStopping) throw refusal('unavailable', 'The broker is stopping.')
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  /** Tells every app to answer what is in flight and to end; fulfils when all are gone, and their tokens revoked. */
  async drain(deadlineMs: number): Promise<void> {
    this.#stop()
    await Promise.all(
      this.#apps.map(async ({ app, child }) => {
        await child.stop(deadlineMs)
        await this.#options.tokens.revoke(app)
      }),
    )
  }

  /** Ends every app at once. */
  kill(): void {
    this.#stop()
    for (const { child } of this.#apps) child.kill()
  }

  #stop(): void {
    this.#isStopping = true
    this.#wake()
  }

  #wake(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }

  #charge(app: AppName): Charge<RunningProgram> {
    const log = this.#options.log.child({ component: `app ${app}` })
    return programCharge({
      program: this.#options.programOf(app),
      ready: (life) => this.#startUp(app, life, log),
      policy: appPolicy,
      log,
      onNews: (news, life) => this.#onNews(app, news, { life, log }),
    })
  }

  /** Tells an app what it needs, and waits until it serves. */
  async #startUp(app: AppName, { process: child, ended }: RunningProgram, log: Logger): Promise<void> {
    const { startOf, tokens, needsToken } = this.#options
    const serving = new Promise<string>((resolve, reject) => {
      child.on('message', (message: AppMessage) => {
        if (message.type === 'ready') resolve(message.url)
        else if (message.type === 'failed') reject(new Error(visible(message.message)))
        else logEntry(message, log)
      })
    })
    // It may end, or fail, while its token is being made.
    serving.catch(() => {})
    const gone = ended.then((how): never => {
      throw new ChildGone(how)
    })
    gone.catch(() => {})
    const token = needsToken(app) ? await tokens.renew(app) : undefined
    child.send(startOf(app, token), () => {})
    this.#app(app).url = await Promise.race([serving, gone])
  }

  #onNews(
    app: AppName,
    news: ChildNews,
    { life, log }: { life: RunningProgram | undefined; log: Logger },
  ): void {
    switch (news.news) {
      case 'ready': {
        const { url } = this.#app(app)
        log.info({ app, appPid: life?.pid, url }, `app ${app} is ready at ${url}`)
        return this.#wake()
      }
      case 'restarting':
        return this.#options.onRestart(app)
      case 'hangs':
        return log.error({ app, appPid: life?.pid }, `app ${app} hangs and is killed: ${news.why}`)
      case 'down': {
        const { how, failures, delayMs } = news
        return log.warn({ app, failures, delayMs }, `app ${app} is down and restarts: ${how}`)
      }
      case 'drainOverdue':
        return log.warn({ app }, `app ${app} did not stop in time and is killed`)
      case 'stopped':
        break
    }
  }

  #app(app: AppName): App {
    return this.#apps.find((one) => one.app === app)!
  }
}

const levels = ['debug', 'info', 'warn', 'error'] as const

/** An app's own words: whatever it says, the line has the component of the app. */
function logEntry({ level, message, fields }: AppLogEntry, log: Logger): void {
  if (!levels.includes(level)) return
  log[level]({ ...(fields !== undefined && { fields }) }, String(message))
}
