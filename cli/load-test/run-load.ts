// Runs a load test: opens readers and producers, sends at the rate, waits for the last records, and leaves nothing behind. Runs in the
// command line's process, so that one monotonic clock times sending and reading.
import { randomBytes, randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { LoadDriver, LoadProducer, LoadReader, OnRecords } from './drivers/driver.ts'
import type { LoadPlan } from './load-plan.ts'
import type { LoadMoment, LoadResult } from './measuring/load-result.ts'
import { monotonicMs } from './pacing/clock.ts'
import { runOpenLoop } from './pacing/open-loop.ts'
import { seededRandom } from './records/random.ts'
import { chooseSize } from './records/record-sizes.ts'
import { stampedRecord, stampOf } from './records/stamped-record.ts'
import { Tally } from './measuring/tally.ts'

export type LoadPhase = 'warming up' | 'measuring' | 'waiting'

export interface LoadWorld {
  readonly interrupted: AbortSignal
  /** Called when all is open and sending begins. */
  readonly onStart: (shards: number) => void
  /** Called once a second. `elapsedMs` counts from the beginning of the phase. */
  readonly onMoment: (moment: LoadMoment, phase: LoadPhase, elapsedMs: number) => void
  /** Told what was made for the load and could not be removed. */
  readonly onLeft: (what: string, error: unknown) => void
}

const FILLING_BYTES = 64 * 1024
const MOMENT_MS = 1000
const TICK_MS = 50
export const STEPS = 10
/** A closed loop looks at the clock once for so many records. */
const CLOCK_EVERY = 16

/** Runs the plan to its end, to Ctrl-C, or to what keeps it from going on. Rejects if it cannot begin. */
export async function runLoad(plan: LoadPlan, driver: LoadDriver, world: LoadWorld): Promise<LoadResult> {
  const { stream, newShards } = plan
  if (newShards !== undefined) await driver.createStream(stream, newShards)
  const load = new Load(plan, driver, world)
  try {
    const shards = await driver.openShards(stream)
    await load.open()
    world.onStart(shards)
    return await load.run()
  } finally {
    await load.close()
    if (newShards !== undefined) {
      await driver.deleteStream(stream).catch((error: unknown) => {
        world.onLeft(`The stream ${stream}`, error)
      })
    }
  }
}

class Load {
  readonly #plan: LoadPlan
  readonly #driver: LoadDriver
  readonly #world: LoadWorld
  readonly #tally: Tally
  readonly #run = randomInt(2 ** 32)
  readonly #groupNames: readonly string[]
  readonly #producers: LoadProducer[] = []
  readonly #readers: LoadReader[] = []
  readonly #filling = randomBytes(FILLING_BYTES)
  readonly #chooseKey: () => number
  readonly #chooseSize: () => number
  readonly #keyNames: string[] = []
  /** Fires when no more is to be sent. */
  readonly #stop = new AbortController()
  #failure: unknown
  #next = 0
  #phase: { readonly name: LoadPhase; readonly startedAt: number } | undefined
  #toldAt = -Infinity
  #stepsClosed = 0

  constructor(plan: LoadPlan, driver: LoadDriver, world: LoadWorld) {
    this.#plan = plan
    this.#driver = driver
    this.#world = world
    const { keys, producers, seed, sizes, groups } = plan
    this.#tally = new Tally({ keys: keys.count, producers, now: monotonicMs() })
    this.#chooseKey = keys.chooser(seededRandom(seed))
    const random = seededRandom(seed + 1)
    this.#chooseSize = () => chooseSize(sizes, random)
    const name = `bench-${this.#run.toString(16)}`
    this.#groupNames = Array.from({ length: groups }, (_, index) => `${name}-${index}`)
  }

  async open(): Promise<void> {
    const { stream, newShards, consumers, members, producers } = this.#plan
    const options = { stream, isNew: newShards !== undefined }
    for (let index = 0; index < consumers; index++) {
      const onRecords = this.#view('e2e')
      this.#readers.push(await this.#driver.openReader({ ...options, onRecords }))
    }
    for (const group of this.#groupNames) {
      const onRecords = this.#view('group')
      for (let member = 0; member < members; member++) {
        this.#readers.push(await this.#driver.joinGroup!(group, { ...options, onRecords }))
      }
    }
    for (let index = 0; index < producers; index++) {
      this.#producers.push(await this.#driver.openProducer(stream))
    }
    for (const { ended } of this.#readers) {
      ended.catch((error: unknown) => this.#fail(error))
    }
  }

  async run(): Promise<LoadResult> {
    const { interrupted } = this.#world
    const onInterrupted = () => this.#stop.abort()
    if (interrupted.aborted) onInterrupted()
    interrupted.addEventListener('abort', onInterrupted)
    const usage = performance.eventLoopUtilization()
    const watch = setInterval(() => this.#tick(), TICK_MS)
    try {
      await this.#send()
      const isInterrupted = interrupted.aborted
      const { utilization } = performance.eventLoopUtilization(usage)
      await this.#completeMeasuring()
      this.#phase = { name: 'waiting', startedAt: monotonicMs() }
      await this.#drain()
      return {
        isInterrupted,
        failure: this.#failure,
        loopBusy: utilization,
        ...this.#tally.summary(),
      }
    } finally {
      clearInterval(watch)
      interrupted.removeEventListener('abort', onInterrupted)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([
      ...this.#producers.map((producer) => producer.close()),
      ...this.#readers.map((reader) => reader.stop()),
    ])
    for (const group of this.#groupNames) {
      await this.#driver.deleteGroup!(group).catch((error: unknown) => {
        if (this.#readers.length > 0) this.#world.onLeft(`The group ${group}`, error)
      })
    }
  }

  #view(kind: 'e2e' | 'group'): OnRecords {
    const take = this.#tally.addView(kind)
    return (records) => {
      const now = monotonicMs()
      for (const data of records) {
        const stamp = stampOf(data, this.#run)
        if (stamp !== undefined) take(stamp, data.length, now)
      }
    }
  }

  #send(): Promise<void> {
    const { rate, durationMs, warmUpMs } = this.#plan
    const begin = (startsAt: number) => {
      this.#tally.measure(startsAt + warmUpMs, startsAt + warmUpMs + durationMs)
      this.#phase = { name: warmUpMs === 0 ? 'measuring' : 'warming up', startedAt: startsAt }
    }
    if (rate === 'max') {
      const startsAt = monotonicMs()
      begin(startsAt)
      return this.#sendAtMost(startsAt + warmUpMs + durationMs)
    }
    return runOpenLoop({
      perSecond: rate.arrivals,
      seconds: (warmUpMs + durationMs) / 1000,
      stopped: this.#stop.signal,
      onStart: begin,
      send: (intendedAt) => this.#sendOne(this.#next++ % this.#producers.length, intendedAt),
    })
  }

  /** A closed loop: what is sent waits for room, and is timed from when it is sent. */
  async #sendAtMost(until: number): Promise<void> {
    const sendAll = async (index: number): Promise<void> => {
      const producer = this.#producers[index]!
      for (let now = monotonicMs(); now < until && !this.#stop.signal.aborted; now = monotonicMs()) {
        for (let sent = 0; sent < CLOCK_EVERY; sent++) this.#sendOne(index, now)
        await producer.ready()
      }
    }
    await Promise.all(this.#producers.map((_, index) => sendAll(index)))
  }

  #sendOne(index: number, intendedAt: number): void {
    const key = this.#chooseKey()
    const bytes = this.#chooseSize()
    const number = this.#tally.send(index, key, { bytes, intendedAt, now: monotonicMs() })
    const data = stampedRecord(
      { run: this.#run, producer: index, key, number, intendedAt },
      bytes,
      this.#filling,
    )
    this.#producers[index]!.send((this.#keyNames[key] ??= `key-${key}`), data).then(
      () => this.#tally.acknowledge(intendedAt, bytes, monotonicMs()),
      (error: unknown) => this.#tally.fail(index, key, number, error),
    )
  }

  /** Waits out the measured time, which is longer than the last record by a part of the wait for a next one, unless it was stopped. */
  async #completeMeasuring(): Promise<void> {
    while (monotonicMs() < this.#tally.measuredUntil && !this.#stop.signal.aborted) await sleep(1)
    const now = monotonicMs()
    if (this.#stop.signal.aborted) this.#tally.end(now)
    else this.#closeSteps(now)
  }

  /** Waits until all is answered and read, as long as it may take. */
  async #drain(): Promise<void> {
    const until = monotonicMs() + this.#plan.drainMs
    const isDue = () => monotonicMs() < until && this.#failure === undefined
    while (this.#tally.outstanding > 0 && isDue()) await sleep(TICK_MS)
    if (this.#tally.outstanding > 0) {
      await Promise.allSettled(this.#producers.map((producer) => producer.close()))
      await setImmediate()
    }
    while (this.#tally.checks().lost > 0 && isDue()) await sleep(TICK_MS)
  }

  #tick(): void {
    if (this.#tally.isFull) {
      this.#fail(
        new Error('More records were refused or are missing than can be told apart: the load was ended.'),
      )
    }
    this.#tally.noteLag()
    const phase = this.#phase
    if (phase === undefined) return
    const now = monotonicMs()
    const { measuredFrom } = this.#tally
    if (phase.name === 'warming up' && now >= measuredFrom) {
      this.#phase = { name: 'measuring', startedAt: measuredFrom }
    }
    this.#closeSteps(now)
    if (now - this.#toldAt < MOMENT_MS) return
    this.#toldAt = now
    const { name, startedAt } = this.#phase!
    this.#world.onMoment(this.#tally.moment(now), name, Math.max(0, now - startedAt))
  }

  #closeSteps(now: number): void {
    const { durationMs, rate } = this.#plan
    const stepMs = durationMs / STEPS
    const { measuredFrom } = this.#tally
    if (this.#stepsClosed > STEPS || now < measuredFrom + this.#stepsClosed * stepMs) return
    const middle = (this.#stepsClosed - 0.5) / STEPS
    const intended =
      rate === 'max' ? undefined : rate.arrivals.from + (rate.arrivals.to - rate.arrivals.from) * middle
    this.#tally.closeStep(now, intended)
    this.#stepsClosed++
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#stop.abort()
  }
}
