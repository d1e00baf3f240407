// Keeps the shard hosts running: each is a supervised child. Runs in the controller. The start call hands over the host's
// whole assignment, so that a host needs nothing but its storage and this one message to serve. A host that hangs is
// killed, and calls that wait for its answer are rejected.
import { invariant } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { PolicyData } from '../../access/policy.ts'
import type {
  HostCalls,
  HostLauncher,
  HostSettings,
  LaunchedHost,
  PlacedShard,
  StreamConsumers,
} from '../../host-contract.ts'
import type { ChildNews, ReasonTexts } from '../../supervision/machine.ts'
import type { SupervisionPolicy } from '../../supervision/policy.ts'
import { ChildGone, SupervisedChild, type Charge } from '../../supervision/supervised-child.ts'
import type { Logger } from '../../telemetry/log.ts'
import { createCaller, type Caller } from '../../channels/calls.ts'
import { withDeadline, type Time } from '../../time.ts'
import type { HostFleet, HostStatus } from './fleet.ts'
import { hostIds, hostOfOwner } from './placement.ts'

export const hostPolicy = {
  /** A start opens storage, and may have to wait for the lock of a predecessor that still drains. */
  startDeadlineMs: 120_000,
  /** Time for a drained host to close its storage, after the deadline of its drain. */
  closeGraceMs: 5_000,
  backoff: { firstDelayMs: 50, delayMsMax: 10_000, stableAfterMs: 30_000 },
  heartbeat: {
    intervalMs: 5_000,
    /** 30 seconds. A slow disk does not silence a host. */
    silentIntervalsMax: 6,
    /** 2 minutes: by then a slow disk has recovered; a hanging thread never does, and its calls would stay unanswered. */
    stuckAnswersMax: 24,
  },
} as const satisfies SupervisionPolicy

/** A start opens storage, as above; but a stream is being created, or a shard split, that can do without the owner. */
const START_ABSENT_MS = 30_000

const texts: ReasonTexts = {
  starting: 'opening its storage',
  stopping: 'the broker is stopping',
  stuck: 'its storage did nothing',
}

export interface HostSupervisionOptions {
  readonly hosts: number
  readonly launcher: HostLauncher
  /** Called at every start of a host, so that it gets the newest settings. */
  readonly settingsOf: (hostId: number) => HostSettings
  readonly assignmentOf: (hostId: number) => readonly PlacedShard[]
  /** The registered consumers of all streams, as of now. */
  readonly consumers: () => readonly StreamConsumers[]
  /** Who may do what, as of now. */
  readonly policy: () => PolicyData
  readonly time: Time
  readonly random: () => number
  readonly log: Logger
  readonly onRestart?: (hostId: number) => void
  /** Called when a host has ended unasked, with how it ended. */
  readonly onDown?: (hostId: number, how: string) => void
}

/** One life of a host, from its launch to its end. */
interface HostLife extends LaunchedHost {
  readonly caller: Caller<HostCalls>
  /** Number of shards that the host was started with. */
  shards: number
}

interface Host {
  readonly hostId: number
  readonly child: SupervisedChild<HostLife>
  /** Port of the host, or its last port before it went down. */
  port: number | undefined
  /** As the host said last. Kept while it is down: it will need the same room again. */
  absentOwners: readonly number[]
}

interface ReadyWaiter {
  readonly hostId: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class HostSupervision implements HostFleet {
  readonly #options: HostSupervisionOptions
  readonly #hosts: readonly Host[]
  readonly #waiters = new Set<ReadyWaiter>()
  #isStopping = false

  constructor(options: HostSupervisionOptions) {
    this.#options = options
    this.#hosts = hostIds(options.hosts).map((hostId) => ({
      hostId,
      child: new SupervisedChild(this.#charge(hostId), options),
      port: undefined,
      absentOwners: [],
    }))
  }

  /** Starts every host, and restarts each host that ends. `whenReady` fulfils when a host serves. */
  start(): void {
    for (const { child } of this.#hosts) child.start()
  }

  get hosts(): readonly HostStatus[] {
    return this.#hosts.map(statusOf)
  }

  host(hostId: number): HostStatus {
    return statusOf(this.#host(hostId))
  }

  hostOf(ownerId: number): HostStatus {
    return this.host(hostOfOwner(ownerId, this.#options.hosts))
  }

  requireReady(hostId: number): void {
    this.#readyLife(hostId)
  }

  async call<C extends keyof HostCalls>(
    hostId: number,
    call: C,
    request: HostCalls[C]['request'],
  ): Promise<HostCalls[C]['reply']> {
    return this.#readyLife(hostId).caller.call(call, request)
  }

  async startAbsentOwners(): Promise<void> {
    const { time } = this.#options
    const attempts = this.#hosts.map(async (host) => {
      const { phase, life } = host.child
      if (phase !== 'ready' || life === undefined || host.absentOwners.length === 0) return
      try {
        // What waits for this does without the owners where their disk hangs.
        const asked = life.caller.call('startAbsentOwners', null)
        const { absentOwners } = await withDeadline(asked, time, START_ABSENT_MS)
        if (host.child.life === life) host.absentOwners = absentOwners
      } catch {
        // The host went down, stops, or takes too long.
      }
    })
    await Promise.all(attempts)
  }

  whenReady(hostId: number): Promise<void> {
    if (this.#isStopping) return Promise.reject(stopping())
    if (this.#host(hostId).child.phase === 'ready') return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.add({ hostId, resolve, reject })
    })
  }

  /**
   * Tells every host to answer what is in flight and to close, and fulfils when all are gone. A host that takes longer
   * than the deadline and a grace for closing is killed.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#stop()
    await Promise.all(this.#hosts.map(({ child }) => child.stop(deadlineMs)))
  }

  /** Ends every host at once. */
  kill(): void {
    this.#stop()
    for (const { child } of this.#hosts) child.kill()
  }

  #stop(): void {
    this.#isStopping = true
    for (const { reject } of this.#waiters) reject(stopping())
    this.#waiters.clear()
  }

  #charge(hostId: number): Charge<HostLife> {
    const { launcher } = this.#options
    return {
      policy: hostPolicy,
      texts,
      launch: () => {
        const host = launcher.launch(hostId)
        return { ...host, caller: createCaller<HostCalls>(host.channel), shards: 0 }
      },
      start: (life) => this.#startUp(hostId, life),
      // The host may exit before it answers; only its end matters.
      drain: ({ caller }, deadlineMs) => void caller.call('drain', { deadlineMs }).catch(() => {}),
      ping: ({ caller }) => caller.call('ping', null),
      cutOff: ({ caller }) => caller.close(),
      onNews: (news, life) => this.#onNews(hostId, news, life),
    }
  }

  /** Sends a host its settings and shards, and waits until it serves them. */
  async #startUp(hostId: number, life: HostLife): Promise<void> {
    const { settingsOf, assignmentOf, consumers, policy } = this.#options
    const shards = assignmentOf(hostId)
    life.shards = shards.length
    const settings = settingsOf(hostId)
    const request = { settings, shards, consumers: consumers(), policy: policy() }
    try {
      const started = await life.caller.call('start', request)
      Object.assign(this.#host(hostId), { port: started.port, absentOwners: started.absentOwners })
      await this.#catchUp(hostId, life, settings.certificates)
    } catch (error) {
      if (MillraceError.is(error, 'outcomeUnknown')) throw new ChildGone(error.message, { cause: error })
      throw error
    }
  }

  /** Hands over certificates that were renewed while the host started. */
  async #catchUp(hostId: number, { caller }: HostLife, known: HostSettings['certificates']): Promise<void> {
    for (;;) {
      const { certificates } = this.#options.settingsOf(hostId)
      if (certificates === known || certificates === null) return
      await caller.call('serveCertificates', certificates)
      known = certificates
    }
  }

  #onNews(hostId: number, news: ChildNews, life: HostLife | undefined): void {
    const { log, onDown, onRestart } = this.#options
    const hostPid = life?.pid
    switch (news.news) {
      case 'ready': {
        const { port } = this.#host(hostId)
        log.info({ hostId, hostPid, port, shards: life?.shards }, 'host is ready')
        return this.#tellReady(hostId)
      }
      case 'restarting':
        return onRestart?.(hostId)
      case 'hangs':
        return log.error({ hostId, hostPid }, `host hangs and is killed: ${news.why}`)
      case 'down': {
        const { how, failures, delayMs } = news
        onDown?.(hostId, how)
        return log.warn({ hostId, failures, delayMs }, `host is down and restarts: ${how}`)
      }
      case 'drainOverdue':
        return log.warn({ hostId }, 'host did not stop in time and is killed')
      case 'stopped':
        break
    }
  }

  #tellReady(hostId: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.hostId !== hostId) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  #readyLife(hostId: number): HostLife {
    const { phase, reason, life } = this.#host(hostId).child
    if (phase === 'ready' && life !== undefined) return life
    const why = reason === undefined ? '' : ` (${reason})`
    throw refusal('unavailable', `Host ${hostId} is ${phase}${why}; try again.`)
  }

  #host(hostId: number): Host {
    const host = this.#hosts[hostId - 1]
    invariant(host !== undefined, `there is no host ${hostId}`)
    return host
  }
}

function statusOf({ hostId, child, port, absentOwners }: Host): HostStatus {
  const { phase: state, life, restarts, reason } = child
  return { hostId, state, pid: life?.pid, port, restarts, reason, absentOwners }
}

function stopping(): MillraceError {
  return refusal('unavailable', 'The broker is stopping.')
}
