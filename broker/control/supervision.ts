// Keeps the shard hosts running: starts each with all it serves, restarts what ends, and drains them in the end.
// Runs in the controller. A host is started only after its predecessor has ended, and each start hands over the whole
// assignment, so that a host needs nothing but its storage and this one message to serve. One that hangs is killed, and has
// then ended like any other: what waited for its answers goes on.
import { invariant } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import type { HostCalls, HostLauncher, HostSettings, LaunchedHost, PlacedShard } from '../host-contract.ts'
import type { Logger } from '../telemetry/log.ts'
import { createCaller, type Caller } from '../threads/calls.ts'
import { withDeadline, type Time } from '../time.ts'
import type { HostFleet, HostState, HostStatus } from './fleet.ts'
import { SILENT_INTERVALS_MAX, startHeartbeat, STUCK_ANSWERS_MAX } from './heartbeat.ts'
import { hostIds, hostOfOwner } from './placement.ts'
import { failuresInARow, restartDelayMs } from './restart-backoff.ts'

/** A start opens storage and may wait for the lock of a predecessor that still drains. */
const START_DEADLINE_MS = 120_000
/** What a drained host may take, after its deadline, to close its storage. */
const CLOSE_GRACE_MS = 5_000

export interface SupervisionOptions {
  readonly hosts: number
  readonly launcher: HostLauncher
  /** Asked at every start, so that the answer is the newest. */
  readonly settingsOf: (hostId: number) => HostSettings
  readonly assignmentOf: (hostId: number) => readonly PlacedShard[]
  readonly time: Time
  readonly random: () => number
  readonly log: Logger
  readonly onRestart?: (hostId: number) => void
  /** Told that a host ended without having been asked, and how. */
  readonly onDown?: (hostId: number, how: string) => void
}

/** From the launch of a host to its end. */
interface Life {
  readonly host: LaunchedHost
  readonly caller: Caller<HostCalls>
  /** Fulfils when it is ready, or has failed to start. */
  started: Promise<void>
  readyAt: number | null
  stopHeartbeat: () => void
  /** Why it was ended, where that was decided here. */
  failure: string | undefined
}

/** One host over all its lives. */
interface Charge {
  readonly hostId: number
  state: HostState
  reason: string | undefined
  restarts: number
  failures: number
  port: number | undefined
  life: Life | undefined
  cancelRestart: (() => void) | undefined
}

interface ReadyWaiter {
  readonly hostId: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Supervision implements HostFleet {
  readonly #options: SupervisionOptions
  readonly #charges: readonly Charge[]
  readonly #waiters = new Set<ReadyWaiter>()
  #isStopping = false

  constructor(options: SupervisionOptions) {
    this.#options = options
    this.#charges = hostIds(options.hosts).map((hostId) => ({
      hostId,
      state: 'down',
      reason: 'not started yet',
      restarts: 0,
      failures: 0,
      port: undefined,
      life: undefined,
      cancelRestart: undefined,
    }))
  }

  /** Starts every host, and from then on restarts any that ends. Fulfilment of `whenReady` tells how it goes. */
  start(): void {
    for (const charge of this.#charges) this.#launch(charge)
  }

  get hosts(): readonly HostStatus[] {
    return this.#charges.map(statusOf)
  }

  host(hostId: number): HostStatus {
    return statusOf(this.#charge(hostId))
  }

  hostOf(ownerId: number): HostStatus {
    return statusOf(this.#charge(hostOfOwner(ownerId, this.#options.hosts)))
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

  whenReady(hostId: number): Promise<void> {
    if (this.#isStopping) return Promise.reject(stopping())
    if (this.#charge(hostId).state === 'ready') return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.add({ hostId, resolve, reject })
    })
  }

  /**
   * Tells every host to answer what is in flight and to close, and waits until nothing of them is left. A host that
   * takes longer than the deadline and a grace for closing is killed.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#stop()
    await Promise.all(
      this.#charges.map(async (charge) => {
        const { life } = charge
        if (life === undefined) return
        this.#enter(charge, 'draining', 'the broker is stopping')
        const cancel = this.#options.time.after(deadlineMs + CLOSE_GRACE_MS, () => {
          this.#options.log.warn({ hostId: charge.hostId }, 'host did not stop in time and is killed')
          life.host.kill()
        })
        // A host that is still opening its storage has to finish that before it can close it.
        await life.started
        // It may die before it answers; the end of it is all that counts.
        life.caller.call('drain', { deadlineMs }).catch(() => {})
        await life.host.ended
        cancel()
      }),
    )
  }

  /** Ends every host at once. */
  kill(): void {
    this.#stop()
    for (const { life } of this.#charges) life?.host.kill()
  }

  #stop(): void {
    this.#isStopping = true
    for (const { life, cancelRestart } of this.#charges) {
      cancelRestart?.()
      life?.stopHeartbeat()
    }
    for (const { reject } of this.#waiters) reject(stopping())
    this.#waiters.clear()
  }

  #launch(charge: Charge): void {
    const { launcher, time } = this.#options
    charge.cancelRestart = undefined
    let host: LaunchedHost
    try {
      host = launcher.launch(charge.hostId)
    } catch (error) {
      return this.#ended(charge, null, `could not be launched: ${messageOf(error)}`)
    }
    const caller = createCaller<HostCalls>(host.channel)
    const life: Life = {
      host,
      caller,
      started: Promise.resolve(),
      readyAt: null,
      stopHeartbeat: () => {},
      failure: undefined,
    }
    charge.life = life
    this.#enter(charge, 'starting', 'opening its storage')
    life.started = this.#startUp(charge, life)
    void host.ended.then((how) => {
      life.stopHeartbeat()
      caller.close()
      const servedMs = life.readyAt === null ? null : time.elapsed() - life.readyAt
      this.#ended(charge, servedMs, life.failure ?? how)
    })
  }

  /** Hands a host all that it serves, and waits until it does. Never rejects. */
  async #startUp(charge: Charge, life: Life): Promise<void> {
    const { log, settingsOf, assignmentOf, time } = this.#options
    const { hostId } = charge
    const { host, caller } = life
    const late = (): Error => new Error(`did not start within ${START_DEADLINE_MS / 1000} seconds`)
    try {
      const shards = assignmentOf(hostId)
      const starting = caller.call('start', { settings: settingsOf(hostId), shards })
      const { port } = await withDeadline(starting, time, START_DEADLINE_MS, late)
      life.readyAt = time.elapsed()
      charge.port = port
      if (charge.state !== 'starting') return
      this.#enter(charge, 'ready', undefined)
      log.info({ hostId, hostPid: host.pid, port, shards: shards.length }, 'host is ready')
      this.#watch(charge, life)
      this.#tellReady(hostId)
    } catch (error) {
      if (charge.state !== 'starting') return
      // Where it ended by itself, that end tells more than the call that was cut off.
      if (!MillraceError.is(error, 'outcomeUnknown')) life.failure = messageOf(error)
      host.kill()
    }
  }

  /** From when a host is ready until it ends, is drained, or is given up because it or its storage hangs. */
  #watch(charge: Charge, life: Life): void {
    let stuckAnswers = 0
    life.stopHeartbeat = startHeartbeat({
      ping: () => life.caller.call('ping', null),
      time: this.#options.time,
      onAnswer: ({ trouble, isStuck }) => {
        charge.reason = trouble ?? undefined
        stuckAnswers = isStuck ? stuckAnswers + 1 : 0
        // One in this process could not be ended, and its other owners go on.
        if (stuckAnswers < STUCK_ANSWERS_MAX || life.host.pid === undefined) return
        this.#giveUp(charge, life, `its storage did nothing over ${stuckAnswers} heartbeats`)
      },
      onSilence: (intervals) => {
        charge.reason = `does not answer: ${intervals} of ${SILENT_INTERVALS_MAX} heartbeats missed`
        if (intervals < SILENT_INTERVALS_MAX) return
        this.#giveUp(charge, life, `did not answer ${intervals} heartbeats in a row`)
      },
    })
  }

  #giveUp(charge: Charge, life: Life, failure: string): void {
    const { host, caller } = life
    life.stopHeartbeat()
    life.failure = failure
    this.#options.log.error(
      { hostId: charge.hostId, hostPid: host.pid },
      `host hangs and is killed: ${failure}`,
    )
    this.#enter(charge, 'down', failure)
    host.kill()
    // A process that waits for a disk ends only when that answers: whoever asked it something need not wait so long.
    caller.close()
  }

  #ended(charge: Charge, servedMs: number | null, how: string): void {
    const { log, random, time, onDown, onRestart } = this.#options
    charge.life = undefined
    if (this.#isStopping) return this.#enter(charge, 'down', 'the broker is stopping')
    charge.failures = failuresInARow(charge.failures, servedMs)
    const delayMs = Math.round(restartDelayMs(charge.failures, random))
    this.#enter(charge, 'down', how)
    onDown?.(charge.hostId, how)
    log.warn(
      { hostId: charge.hostId, failures: charge.failures, delayMs },
      `host is down and restarts: ${how}`,
    )
    charge.cancelRestart = time.after(delayMs, () => {
      charge.restarts += 1
      onRestart?.(charge.hostId)
      this.#launch(charge)
    })
  }

  #enter(charge: Charge, state: HostState, reason: string | undefined): void {
    charge.state = state
    charge.reason = reason
  }

  #tellReady(hostId: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.hostId !== hostId) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  #readyLife(hostId: number): Life {
    const { state, reason, life } = this.#charge(hostId)
    if (state === 'ready' && life !== undefined) return life
    const why = reason === undefined ? '' : ` (${reason})`
    throw refusal('unavailable', `Host ${hostId} is ${state}${why}; try again.`)
  }

  #charge(hostId: number): Charge {
    const charge = this.#charges[hostId - 1]
    invariant(charge !== undefined, `there is no host ${hostId}`)
    return charge
  }
}

function statusOf({ hostId, state, life, port, restarts, reason }: Charge): HostStatus {
  return { hostId, state, pid: life?.host.pid, port, restarts, reason }
}

function stopping(): MillraceError {
  return refusal('unavailable', 'The broker is stopping.')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
