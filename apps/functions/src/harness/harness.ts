// A function with its mapping in simulated time, for tests of handlers: records in; calls, output and failures out. All that happens follows from
// a seed: how records arrive, how large batches are, what fails, restarts, splits and merges. Runs in tests, without a broker, sockets or threads,
// so that hundreds of steps take a second and a seed that failed fails again. What decides is the app's own code: filters, batches, retries,
// windows, verdicts, output.
import { compileFilters, streamArn, type RecordFilter } from 'millrace/protocol'
import { checkedMapping, type MappingFields } from '../definitions/checks.ts'
import type { KinesisEvent } from '../events/kinesis-event.ts'
import type { FailureDocument } from '../failures/failure-document.ts'
import type { InvocationError, InvocationResult } from '../invocation.ts'
import { rulesOf } from '../mapping/rules.ts'
import { outputRecords } from '../output/output-records.ts'
import { ACCOUNT, functionArn, REGION } from '../runtime/function-environment.ts'
import { HandlerCall } from './handler-call.ts'
import type { HarnessFaults, HarnessOptions } from './options.ts'
import { SeededRandom } from './seeded-random.ts'
import { ShardSimulation, type CallPlace } from './shard-simulation.ts'
import { SimulatedStream, type SimulatedShard } from './simulated-stream.ts'

/** A record that is put into the source: bytes or text as they are, anything else as JSON. */
export interface HarnessRecord {
  readonly partitionKey: string
  readonly data: unknown
}

/** A call of the function, as it came out. */
export interface HarnessCall {
  /** Simulated milliseconds. */
  readonly at: number
  readonly shardId: string
  readonly event: KinesisEvent
  /** `throttled` and `failed` calls did not come to the handler. The answer of `lost` ones did not come back. */
  readonly fault: 'throttled' | 'failed' | 'lost' | undefined
  /** What the handler gave, or how the call failed. */
  readonly payload?: unknown
  readonly error?: InvocationError
}

/** A record of the output stream. */
export interface HarnessOutput {
  readonly partitionKey: string
  readonly data: Uint8Array
}

const SOURCE = 'source'
/** 2026-01-01. */
const START_AT = 1_767_225_600_000
const STEPS_MAX = 20_000
const SHARDS_MAX = 8
/** Records that arrive together, at most, and the time between two arrivals. */
const BURST_MAX = 25
const GAP_MS_MAX = 200
const WATCHDOG_MS = 10_000

export class FunctionHarness {
  readonly seed: number
  /** For the test's own choices: they follow from the seed too. */
  readonly random: SeededRandom
  readonly calls: HarnessCall[] = []
  /** What was put into the stream of `to`. */
  readonly output: HarnessOutput[] = []
  /** What the failure destination was told; after a restart, perhaps twice. */
  readonly failures: FailureDocument[] = []
  readonly #chance: SeededRandom
  readonly #faults: Required<HarnessFaults>
  readonly #mapping: MappingFields
  readonly #filter: RecordFilter | undefined
  readonly #handler: HandlerCall
  readonly #stream: SimulatedStream
  readonly #simulations = new Map<number, ShardSimulation>()
  readonly #backlog: { readonly partitionKey: string; readonly bytes: Uint8Array }[] = []
  #due: { readonly at: number; readonly run: () => void }[] = []
  #arrivesAt: number
  #now: number
  #ids = 0
  #steps = 0

  constructor(options: HarnessOptions) {
    const { seed = 1, handler, module, mapping = {}, shards = 1, faults = {}, startAt = START_AT } = options
    if ((handler === undefined) === (module === undefined))
      throw new Error('A harness needs a handler or a module.')
    if (!Number.isInteger(shards) || shards < 1 || shards > SHARDS_MAX)
      throw new Error(`A harness begins with ${shards} shards; shards must be 1 to ${SHARDS_MAX}.`)
    this.seed = seed
    this.random = new SeededRandom(seed ^ 0x5eed)
    this.#chance = new SeededRandom(seed)
    this.#faults = { throttles: 0, failures: 0, lostAnswers: 0, restarts: 0, reshards: 0, ...faults }
    this.#mapping = checkedMapping({ ...mapping, function: 'harness', source: { stream: SOURCE } })
    this.#filter = compileFilters(this.#mapping.filters)
    const { timeoutMs = 3000, watchdogMs = WATCHDOG_MS } = options
    this.#handler = new HandlerCall({ handler, module, timeoutMs, watchdogMs })
    this.#stream = new SimulatedStream(shards, startAt)
    this.#now = startAt
    this.#arrivesAt = startAt
  }

  /** The simulated time, in milliseconds. */
  get now(): number {
    return this.#now
  }

  /** How many steps were made. */
  get steps(): number {
    return this.#steps
  }

  /** Puts records: they arrive in this order during the next run, some at a time. */
  put(...records: readonly HarnessRecord[]): void {
    for (const { partitionKey, data } of records) this.#backlog.push({ partitionKey, bytes: bytesOf(data) })
  }

  /** Lets time pass until all records have arrived and are done. Rejects where that does not come, and says what it stands still at. */
  async run({ stepsMax = STEPS_MAX }: { readonly stepsMax?: number } = {}): Promise<void> {
    try {
      for (let steps = 0; !this.#isDone; steps++) {
        if (steps >= stepsMax) throw new Error(this.#standstill(stepsMax))
        await this.#step()
      }
    } catch (error) {
      const { message } = error as Error
      throw new Error(`${message} (seed ${this.seed})`, { cause: error })
    }
  }

  get #isDone(): boolean {
    if (this.#backlog.length > 0 || this.#due.length > 0) return false
    return [...this.#running()].every((simulation) => simulation.isIdle && simulation.wakeAt === undefined)
  }

  async #step(): Promise<void> {
    this.#steps += 1
    const chance = this.#chance
    if (chance.chance(this.#faults.reshards)) this.#reshard()
    if (chance.chance(this.#faults.restarts))
      for (const simulation of this.#simulations.values()) simulation.restart()
    let isBusy = this.#arrive()
    for (const simulation of chance.shuffled([...this.#running()]))
      isBusy = (await simulation.advance()) || isBusy
    if (this.#runDue() || isBusy) return
    this.#now = this.#nextMoment()
  }

  /** The simulations of shards whose parents are through, in the order of the shards. */
  *#running(): Iterable<ShardSimulation> {
    for (const shard of this.#stream.shards) {
      const known = this.#simulations.get(shard.index)
      if (known?.isThrough === true) continue
      if (known !== undefined) yield known
      else if (shard.parents.every((parent) => this.#simulations.get(parent)?.isThrough === true)) {
        const simulation = this.#simulated(shard)
        this.#simulations.set(shard.index, simulation)
        yield simulation
      }
    }
  }

  #simulated(shard: SimulatedShard): ShardSimulation {
    const arn = streamArn({ region: REGION, account: ACCOUNT, name: SOURCE })
    const { shardId, index: shardIndex, createdAt: shardCreatedAt } = shard
    const mapping = { ...this.#mapping, createdAt: 0, updatedAt: 0, version: 1 }
    return new ShardSimulation({
      shard,
      source: {
        shardId,
        shardIndex,
        shardCreatedAt,
        region: REGION,
        eventSourceArn: arn,
        invokeIdentityArn: `arn:aws:iam::${ACCOUNT}:role/harness`,
      },
      streamArn: arn,
      functionArn: functionArn('harness'),
      rules: rulesOf(mapping, { streamId: 0, shardId }, Infinity),
      reportsItemFailures: mapping.reportsItemFailures,
      filter: this.#filter,
      wantsRecords: mapping.to !== undefined,
      random: this.#chance,
      now: () => this.#now,
      newId: () => this.#newId(),
      call: (event, place) => this.#call(event, place),
      store: (outputs) => {
        for (const { partitionKey, data } of outputRecords(outputs)) {
          this.output.push({ partitionKey, data: data as Uint8Array })
        }
      },
      tellFailure: (document) => void this.failures.push(document),
      later: (delayMs, run) => void this.#due.push({ at: this.#now + delayMs, run }),
    })
  }

  async #call(event: KinesisEvent, { shardId, keyOf }: CallPlace): Promise<InvocationResult> {
    const requestId = this.#newId()
    const fault = this.#fault()
    const done = (
      result: InvocationResult,
      given: { readonly payload?: unknown; readonly error?: InvocationError },
    ): InvocationResult => {
      this.calls.push({ at: this.#now, shardId, event, fault, ...given })
      return result
    }
    if (fault === 'throttled' || fault === 'failed') {
      const error =
        fault === 'throttled'
          ? { errorType: 'TooManyRequestsException', errorMessage: 'Simulated: no room.', isThrottle: true }
          : { errorType: 'Simulated', errorMessage: 'Simulated: the call failed before the handler began.' }
      return done({ ok: false, error, requestId, durationMs: 0 }, { error })
    }
    const { result, given } = await this.#handler.call(structuredClone(event), requestId, keyOf)
    const noted = result.ok ? { payload: given } : { error: result.error }
    if (fault === undefined) return done(result, noted)
    const error = { errorType: 'Sandbox.Timedout', errorMessage: 'Simulated: the answer was lost.' }
    return done({ ok: false, error, requestId, durationMs: 0 }, noted)
  }

  #fault(): HarnessCall['fault'] {
    const { throttles, failures, lostAnswers } = this.#faults
    // Each is asked for, so that one more fault changes no other choice.
    const isThrottled = this.#chance.chance(throttles)
    const isFailed = this.#chance.chance(failures)
    const isLost = this.#chance.chance(lostAnswers)
    return isThrottled ? 'throttled' : isFailed ? 'failed' : isLost ? 'lost' : undefined
  }

  #arrive(): boolean {
    if (this.#backlog.length === 0 || this.#now < this.#arrivesAt) return false
    const burst = this.#backlog.splice(0, this.#chance.between(1, BURST_MAX))
    for (const { partitionKey, bytes } of burst) this.#stream.append(partitionKey, bytes, this.#now)
    this.#arrivesAt = this.#now + this.#chance.between(0, GAP_MS_MAX)
    return true
  }

  #reshard(): void {
    const shard = this.#chance.pick(this.#stream.open)!
    const isSplit = this.#chance.chance(0.5)
    if (isSplit && this.#stream.open.length < SHARDS_MAX) this.#stream.split(shard, this.#now)
    else this.#stream.merge(shard, this.#now)
  }

  /** Does what is due, in the order of its time. */
  #runDue(): boolean {
    const due = this.#due.filter(({ at }) => at <= this.#now).toSorted((a, b) => a.at - b.at)
    if (due.length === 0) return false
    this.#due = this.#due.filter(({ at }) => at > this.#now)
    for (const { run } of due) run()
    return true
  }

  #nextMoment(): number {
    const moments = this.#due.map(({ at }) => at)
    if (this.#backlog.length > 0) moments.push(this.#arrivesAt)
    for (const { wakeAt } of this.#running()) if (wakeAt !== undefined) moments.push(wakeAt)
    return Math.max(this.#now + 1, moments.length === 0 ? 0 : Math.min(...moments))
  }

  #standstill(steps: number): string {
    const places = [...this.#simulations.values()].flatMap(({ shard, standstills }) =>
      standstills.map(
        ({ from, to, attempts, detail }) =>
          `${shard.shardId} at ${from} to ${to - 1} after ${attempts} attempts: ${detail}`,
      ),
    )
    const where =
      places.length === 0
        ? 'It stands still nowhere: it needs more steps.'
        : `It stands still in ${places.join('; ')}.`
    return `Not all records were done in ${steps} steps. ${where}`
  }

  #newId(): string {
    const id = String(++this.#ids).padStart(12, '0')
    return `00000000-0000-4000-8000-${id}`
  }
}

/** Makes a harness for a handler. Throws where the mapping cannot be used. */
export function createFunctionHarness(options: HarnessOptions): FunctionHarness {
  return new FunctionHarness(options)
}

function bytesOf(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data
  return Buffer.from(typeof data === 'string' ? data : JSON.stringify(data))
}
