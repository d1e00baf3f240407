// One flow: reads runs of records, makes chunks of them, and sends these, each stored once where the destination can do that. Runs in the
// process of the agent. It first finishes what an earlier run left in doubt. What is on its way is bounded, so that a destination that
// takes nothing holds up the files and not the memory.
import { randomBytes } from 'node:crypto'
import type { FlowConfig } from '../config/index.ts'
import type { FlowFiles } from '../files/flow-files.ts'
import type { LineRun } from '../lines/line-run.ts'
import type { FlowPositions } from '../positions/flow-positions.ts'
import { SendFault, type Sender } from '../send/sender.ts'
import { makeChunk, type Chunk, type ChunkRecipe } from './chunk.ts'
import type { FlowTally } from './tally.ts'
import { gather, type GatherRim } from './gather.ts'
import { resumeDoubts } from './doubts.ts'
import { Room } from './room.ts'
import type { KeptPlan, Work } from './work.ts'

export interface FlowParts {
  readonly config: FlowConfig
  readonly files: FlowFiles
  readonly positions: FlowPositions
  readonly sender: Sender
  readonly tally: FlowTally
  readonly rim: GatherRim
  /** Ends where the destination takes nothing, instead of waiting for somebody to see to it. */
  readonly isOnce: boolean
  readonly onEvent: (event: FlowEvent) => void
}

export type FlowEvent =
  | { readonly type: 'fault'; readonly message: string }
  | { readonly type: 'recovered' }
  | { readonly type: 'lost'; readonly message: string }

/** Waits between attempts while a destination takes nothing. */
const FAULT_BACKOFF = { firstMs: 500, mostMs: 30_000 } as const

export type FlowState = 'resuming' | 'running' | 'waiting' | 'ended' | 'failed'

export class Flow {
  readonly parts: FlowParts
  readonly #room: Room
  readonly #faulted: { readonly work: Work; readonly settle: (error?: Error) => void }[] = []
  readonly #pending = new Set<Promise<void>>()
  #count = 0
  #state: FlowState = 'resuming'
  /** Why the destination takes nothing. */
  #fault: string | undefined
  #recovering: Promise<void> | undefined
  #failure: unknown
  /** Ends what is on its way, where the flow cannot go on. */
  readonly #giving = new AbortController()
  #deliveredAt = 0

  constructor(parts: FlowParts) {
    this.parts = parts
    this.#room = new Room(parts.config.queueCapacity)
  }

  get state(): FlowState {
    return this.#fault === undefined || this.#state === 'failed' ? this.#state : 'waiting'
  }

  get fault(): string | undefined {
    return this.#fault
  }

  /** When a chunk was delivered last, in milliseconds since 1970; 0 for never. */
  get deliveredAt(): number {
    return this.#deliveredAt
  }

  get onItsWay(): { readonly chunks: number; readonly bytes: number } {
    return { chunks: this.#room.chunks, bytes: this.#room.bytes }
  }

  /**
   * Reads and sends until `reading` aborts, or with `isOnce` until everything that was there is sent; what is on its way then is waited
   * for until `sending` aborts. Rejects with what the flow cannot go on from.
   */
  async run(reading: AbortSignal, sending: AbortSignal): Promise<void> {
    const stop = (): void => this.#giving.abort(sending.reason)
    sending.addEventListener('abort', stop, { once: true })
    if (sending.aborted) stop()
    try {
      await this.#readAndSend(reading, this.#giving.signal)
      this.#state = 'ended'
    } catch (error) {
      this.#state = sending.aborted ? 'ended' : 'failed'
      if (!sending.aborted) this.#fault = messageOf(error)
      // Whoever begins anew finds everything settled: sent and confirmed, in doubt, or not taken.
      this.#giving.abort(error)
      await Promise.all(this.#pending)
      throw error
    } finally {
      sending.removeEventListener('abort', stop)
    }
  }

  async #readAndSend(reading: AbortSignal, sending: AbortSignal): Promise<void> {
    await resumeDoubts(this.parts, { signal: sending, insist: (work) => this.#insist(work, sending) })
    this.#state = 'running'
    while (!reading.aborted && !this.#hasFailed) {
      if (await this.#mustWait(reading)) continue
      const runs = await gather(this.parts, reading)
      if (runs === undefined) break
      if (runs.length > 0) this.#dispatch(runs, sending)
    }
    while (this.#pending.size > 0) await Promise.all(this.#pending)
    if (this.#hasFailed) throw this.#failure
  }

  get #hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** Waits where nothing more may be taken; false where it may. */
  async #mustWait(signal: AbortSignal): Promise<boolean> {
    const { files } = this.parts
    if (this.#recovering === undefined && !this.#room.isFull) {
      files.hold(undefined)
      return false
    }
    files.hold(this.#fault ?? 'What was read is on its way, and no more fits.')
    await this.#room.change(signal)
    return true
  }

  #dispatch(runs: readonly LineRun[], signal: AbortSignal): void {
    const { config, rim } = this.parts
    const recipe: ChunkRecipe = {
      madeAt: rim.now(),
      seed: randomBytes(8).toString('hex'),
      keys: keysOf(config),
      processing: config.processing,
      dataBytesMax: config.dataBytesMax,
      truncationTerminator: config.truncationTerminator,
    }
    const chunk = makeChunk(
      runs.map(({ records }) => records),
      recipe,
    )
    this.#countRead(runs, chunk)
    const bytes = runs.reduce((sum, { from, to }) => sum + to - from, 0)
    const work: Work = { number: this.#count++, ranges: runs, recipe, chunk, bytes, plan: undefined }
    const load = { bytes, records: chunk.records.length }
    this.#room.enter(load)
    const pending = this.#deliver(work, signal)
      .catch((error: unknown) => {
        this.#failure ??= error
        // With `isOnce` the others are let end: nobody begins anew.
        if (!this.parts.isOnce) this.#giving.abort(error)
      })
      .finally(() => {
        this.#pending.delete(pending)
        this.#room.leave(load)
      })
    this.#pending.add(pending)
  }

  #countRead(runs: readonly LineRun[], { skipped, cut }: Chunk): void {
    const { tally } = this.parts
    for (const { records, from, to, droppedBytes, cutRecords } of runs) {
      tally.recordsRead += records.length
      tally.bytesRead += to - from
      tally.bytesDropped += droppedBytes
      tally.recordsCut += cutRecords
    }
    tally.recordsCut += cut
    tally.recordsSkipped += skipped
  }

  async #deliver(work: Work, signal: AbortSignal): Promise<void> {
    const { positions } = this.parts
    if (work.chunk.records.length > 0) {
      try {
        await this.#attempt(work, signal)
      } catch (error) {
        if (!(error instanceof SendFault) || this.parts.isOnce) throw error
        await this.#afterOthers(work, error, signal)
      }
    }
    await positions.confirmed(work.ranges)
    this.#countSent(work.chunk)
  }

  #countSent({ records, bytes }: Chunk): void {
    this.parts.tally.recordsSent += records.length
    this.parts.tally.bytesSent += bytes
    this.#deliveredAt = this.parts.rim.now()
  }

  /** Sends it, or finishes what an earlier attempt began. */
  async #attempt(work: Work, signal: AbortSignal): Promise<void> {
    const { sender, positions } = this.parts
    const { madeAt, seed, ...recipe } = work.recipe
    let keeping: Promise<void> | undefined
    const keepNow = async (append: unknown): Promise<void> => {
      const plan: KeptPlan = { recipe, append }
      await positions.prepared(work.ranges, { plan, madeAt, seed })
      work.plan = append
    }
    const keep = (append: unknown): Promise<void> => (keeping = keepNow(append))
    try {
      if (work.plan === undefined) await sender.send(work.chunk, { keep, signal })
      else await sender.resume(work.plan, work.chunk, { keep, signal })
    } finally {
      // A sender that is aborted does not wait for it; whether the plan is kept must be known before anybody reads on.
      await keeping?.catch(() => {})
    }
  }

  /** Chunks that met a fault are tried again one after another, the oldest first, while nothing new is read. */
  #afterOthers(work: Work, fault: SendFault, signal: AbortSignal): Promise<void> {
    this.#told(fault.message)
    return new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => (error === undefined ? resolve() : reject(error))
      this.#faulted.push({ work, settle })
      this.#faulted.sort((one, other) => one.work.number - other.work.number)
      this.#recovering ??= this.#recover(signal).finally(() => {
        this.#recovering = undefined
        this.#told(undefined)
        this.#room.wake()
      })
    })
  }

  async #recover(signal: AbortSignal): Promise<void> {
    while (this.#faulted.length > 0) {
      const next = this.#faulted[0]!
      try {
        await this.#insist(next.work, signal)
        next.settle()
      } catch (error) {
        next.settle(error as Error)
      }
      this.#faulted.splice(this.#faulted.indexOf(next), 1)
    }
  }

  /** Tries until it succeeds, for as long as it meets nothing but faults. */
  async #insist(work: Work, signal: AbortSignal): Promise<void> {
    const { rim, isOnce } = this.parts
    for (let waitMs: number = FAULT_BACKOFF.firstMs; ; waitMs = Math.min(2 * waitMs, FAULT_BACKOFF.mostMs)) {
      if (this.#fault !== undefined) await rim.wait(waitMs, signal)
      signal.throwIfAborted()
      try {
        await this.#attempt(work, signal)
        return this.#told(undefined)
      } catch (error) {
        if (!(error instanceof SendFault) || isOnce) throw error
        this.#told(error.message)
      }
    }
  }

  #told(fault: string | undefined): void {
    if (fault === this.#fault) return
    const { files, onEvent } = this.parts
    this.#fault = fault
    files.hold(fault)
    onEvent(fault === undefined ? { type: 'recovered' } : { type: 'fault', message: fault })
  }
}

function keysOf({ destination, partitionKeys }: FlowConfig): ChunkRecipe['keys'] {
  if (partitionKeys === 'DETERMINISTIC') return 'md5'
  return destination.type === 'stream' || destination.type === 'delivery' ? 'one' : 'each'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
