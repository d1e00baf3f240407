// Carries one query out, from the place where it stood, until it is stopped or fails. Runs in the app.
import type { StreamRecord } from 'millrace'
import type { QueryReport } from 'millrace/protocol'
import { streamsWritten } from '../streams/outputs.ts'
import { isForGood } from './place/for-good.ts'
import { PlaceKeeper } from './place/place-keeper.ts'
import { placeFor, type PreparedStep, type QueryPlace, type StreamPositions } from './place/query-place.ts'
import type { QueryTables } from './query-tables.ts'
import { Retained } from './results/retained.ts'
import type { Result } from './results/results.ts'
import { stepWriting, storeStep, type StepWriting } from './results/step-results.ts'
import { failureSink } from './results/failures.ts'
import { RunMeter } from './run-meter.ts'
import { beginsAnew, hashKeysIn, keptIn, opened, shareOf, type RunParts } from './run-parts.ts'
import { readRanges, type PositionRange } from './reading/stream-ranges.ts'
import { readAgain, STEP_BYTES } from './reading/read-again.ts'
import { StreamSource } from './reading/stream-source.ts'
import { QuerySnapshots } from './snapshots/query-snapshots.ts'
import { pausing } from './time/pausing.ts'
import type { RunClock } from './time/run-clock.ts'
import type { RunStage } from './stage.ts'

/** How long records wait for others before they become rows. */
const STEP_MS = 50
/** How often a query looks at the time while it waits for nothing else. */
const IDLE_MS = 1000
/** How long a step may go on when it is to end: its results are resumed by whoever goes on. */
const STOP_MS = 5000
/** How far the place may be behind records that are not read. */
const PASSED_MS = 10_000

export class QueryRun {
  readonly #parts: RunParts
  readonly #stage: RunStage
  readonly #tables: QueryTables
  readonly #keeper: PlaceKeeper
  readonly #writing: StepWriting
  readonly #retained: Retained
  readonly #meter: RunMeter
  readonly #sources = new Map<string, StreamSource>()
  readonly #clock: RunClock
  readonly #snapshots: QuerySnapshots
  /** Ends everything at once: results under way are resumed by whoever goes on. */
  readonly #aborting = new AbortController()
  readonly #stopping = new AbortController()
  #steppedAt = -Infinity
  /** Records that were there when the query was given up and are gone now that it is taken up. */
  #missing = 0
  #wake: (() => void) | undefined
  #over: Promise<void> = Promise.resolve()

  private constructor(
    parts: RunParts,
    { stage, tables }: { readonly stage: RunStage; readonly tables: QueryTables },
    place: QueryPlace,
  ) {
    this.#parts = parts
    this.#stage = stage
    this.#tables = tables
    const { client, definition, store, monotonic, now } = parts
    this.#keeper = new PlaceKeeper(
      { store, tables, definition, monotonic, sourceOf: (stream) => stage.sourceOf(stream) },
      place,
    )
    this.#meter = new RunMeter({ now, monotonic, totals: place.totals })
    this.#retained = new Retained(definition)
    this.#snapshots = new QuerySnapshots({
      ...parts,
      state: parts.state,
      name: parts.unit.name,
      inputs: tables.timed,
      sourceOf: (stream) => stage.sourceOf(stream),
      signal: this.#aborting.signal,
    })
    const clockParts = {
      client,
      tables,
      sources: this.#sources,
      time: definition.time,
      hashKeys: hashKeysIn(parts),
      monotonic,
      wake: () => this.#wake?.(),
      signal: this.#aborting.signal,
    }
    this.#clock = stage.clock(clockParts, place)
    const [keeper, meter] = [this.#keeper, this.#meter]
    const [stopping, signal] = [this.#stopping.signal, this.#aborting.signal]
    this.#writing = stepWriting({ ...parts, keeper, meter, stopping, signal })
  }

  /**
   * Takes a query up where its store says that it stood: rows of open windows are read again, and a step that had begun to write is
   * ended. Rejects where it cannot.
   */
  static async open(parts: RunParts, signal: AbortSignal): Promise<QueryRun> {
    const { store, definition } = parts
    const former = store.progress.definition
    if (former.version !== definition.version && store.progress.prepared !== undefined) {
      // What an older version has begun to write, it writes to the end.
      try {
        const written = streamsWritten(definition)
        const isGivenUp = (target: string): boolean => !written.includes(target)
        await using run = await QueryRun.#resumed({ ...parts, definition: former, isGivenUp }, signal)
        await run.#keeper.save(signal)
      } catch (error) {
        // One that begins anew does not need what the older one cannot end.
        if (!definition.begins || signal.aborted || !isForGood(error)) throw error
      }
    }
    const run = beginsAnew(definition, store.progress)
      ? await QueryRun.#begun(parts, signal)
      : await QueryRun.#resumed(parts, signal)
    try {
      await run.#keeper.save(signal)
      for (const stream of run.#streams) await run.#follow(stream)
      run.#over = run.#loop()
      // Who waits for it is told; until then it is no failure of nobody.
      run.#over.catch(() => {})
      return run
    } catch (error) {
      await run.abort()
      throw error
    }
  }

  /** Fulfils when it has stopped; rejects with what has ended it. */
  get over(): Promise<void> {
    return this.#over
  }

  /** Ends the step under way, if that does not take too long, keeps the place, and gives the query back. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake?.()
    const grace = setTimeout(() => this.#aborting.abort(), STOP_MS)
    await this.#over.catch(() => {})
    clearTimeout(grace)
    await this.abort()
  }

  /** Ends at once. */
  async abort(): Promise<void> {
    this.#stopping.abort()
    this.#aborting.abort()
    this.#wake?.()
    for (const source of this.#sources.values()) source.roomCame()
    await this.#over.catch(() => {})
    await this.#clock.over
    await this.#writing.outputs.close()
    this.#tables[Symbol.dispose]()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort()
  }

  /** Streams that are read. */
  get #streams(): readonly string[] {
    return this.#stage.streams(this.#tables)
  }

  /** What is said of it. */
  report(): QueryReport {
    return this.#meter.report({
      definition: this.#parts.definition,
      tables: this.#tables,
      sources: this.#sources,
      watermark: this.#clock.shown(this.#keeper.place.watermark),
      windowsOpen: this.#keeper.windowsOpen,
      sourceOf: (stream) => this.#stage.sourceOf(stream),
      waitsFor: this.#clock.reason,
    })
  }

  static async #begun(parts: RunParts, signal: AbortSignal): Promise<QueryRun> {
    const { stage, tables } = await opened(parts)
    try {
      if (!stage.isPassing) await tables.loadFiles(signal)
      const positions: Record<string, StreamPositions[string]> = {}
      for (const stream of stage.streams(tables)) positions[stream] = await stage.begin(stream, signal)
      return new QueryRun(
        parts,
        { stage, tables },
        { watermark: null, positions, replayFrom: positions, late: {} },
      )
    } catch (error) {
      tables[Symbol.dispose]()
      throw error
    }
  }

  static async #resumed(parts: RunParts, signal: AbortSignal): Promise<QueryRun> {
    const { store, definition } = parts
    const { prepared } = store.progress
    const place = placeFor(definition, store.progress)
    const { stage, tables } = await opened(parts)
    const run = new QueryRun(parts, { stage, tables }, place)
    const end = (): void => run.#aborting.abort()
    signal.addEventListener('abort', end)
    try {
      parts.onResumed?.(run)
      if (!stage.isPassing) await tables.loadFiles(signal)
      await tables.heldSince(place.heldSince)
      await run.#replay(signal)
      if (prepared !== undefined && store.progress.definition.version === definition.version) {
        await run.#read(place.positions, prepared.positions, signal)
        run.#seal()
        await run.#end(prepared)
      }
      // A newer version may read what the one before did not.
      const positions = { ...run.#keeper.place.positions }
      for (const stream of run.#streams) positions[stream] ??= await stage.begin(stream, signal)
      run.#keeper.reached({ positions })
      return run
    } catch (error) {
      await run.abort()
      throw error
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  /** Has the inputs hold the rows of open windows again. */
  async #replay(signal: AbortSignal): Promise<void> {
    const { place } = this.#keeper
    const replayFrom = await this.#snapshots.restore(place)
    await this.#tables.between(place.watermark, place.watermark)
    for (const held of this.#tables.timed)
      await readAgain(held, { ...place, replayFrom }, this.#stage, (stream, range) =>
        this.#ranges(stream, range, signal),
      )
  }

  /** Reads the records of a step that was prepared. */
  async #read(from: StreamPositions, to: StreamPositions, signal: AbortSignal): Promise<void> {
    const onUnreadable = (count: number): void => this.#meter.refused(count)
    for (const stream of this.#streams)
      for await (const records of this.#ranges(
        stream,
        { from: from[stream]!, to: to[stream]!, onUnreadable },
        signal,
      ))
        this.#add(stream, records)
  }

  #ranges(
    stream: string,
    range: Omit<PositionRange, 'onMissing'>,
    signal: AbortSignal,
  ): AsyncIterable<readonly StreamRecord[]> {
    const onMissing = (count: number): void => void (this.#missing += count)
    return readRanges(this.#parts.client, shareOf(this.#parts, stream), { ...range, onMissing }, signal)
  }

  #add(stream: string, records: readonly StreamRecord[]): void {
    for (const batch of this.#stage.take(stream, records)) {
      this.#tables.add(batch.stream, batch.records, batch.shard)
      this.#retained.add(batch)
      this.#meter.read(batch.records.length)
    }
  }

  async #follow(stream: string): Promise<void> {
    const { client, monotonic } = this.#parts
    const source = await StreamSource.open({
      client,
      ...shareOf(this.#parts, stream),
      from: this.#keeper.place.positions[stream]!,
      add: (records) => this.#add(stream, records),
      hasRoom: () => this.#tables.waitingBytes < STEP_BYTES,
      onUnreadable: ({ firstSequenceNumber, nextSequenceNumber }) =>
        this.#meter.refused(nextSequenceNumber - firstSequenceNumber),
      onTrimmed: (records) => this.#meter.trimmed(stream, records),
      wake: () => this.#wake?.(),
      monotonic,
      signal: this.#aborting.signal,
    })
    this.#sources.set(stream, source)
  }

  async #loop(): Promise<void> {
    const { monotonic } = this.#parts
    while (!this.#stopping.signal.aborted) {
      for (const source of this.#sources.values()) source.throwIfOver()
      const now = monotonic()
      const isDue = now - this.#steppedAt >= STEP_MS || this.#tables.waitingBytes >= STEP_BYTES
      const { watermark } = this.#keeper.place
      const hasWork = this.#tables.waitingBytes > 0 || this.#clock.wouldGoOn(watermark)
      if (isDue && (hasWork || this.#hasPassed(now))) await this.#stepNow()
      else if (this.#keeper.isDue) await this.#save()
      else {
        if (!this.#keeper.isDirty) await this.#snapshots.saved(this.#keeper.place)
        await this.#pause(isDue)
      }
    }
    // Before somebody else goes on with it.
    await this.#save()
    await this.#parts.store.release(this.#aborting.signal)
  }

  /** Whether others' records were passed over for a while: from the place on, they would be again. */
  #hasPassed(now: number): boolean {
    if (hashKeysIn(this.#parts) === undefined || now - this.#steppedAt < PASSED_MS) return false
    const { positions } = this.#keeper.place
    return [...this.#sources].some(
      ([stream, { position }]) => JSON.stringify(position) !== JSON.stringify(positions[stream]),
    )
  }

  /** Waits until there is something to do, or to look at. */
  async #pause(isDue: boolean): Promise<void> {
    this.#clock.ask()
    const isIdle = this.#tables.count === 0 && this.#tables.waitingBytes === 0 && !this.#keeper.isDirty
    const ms = isIdle ? IDLE_MS : STEP_MS
    const waiting = new AbortController()
    const woken = new Promise<void>((resolve) => (this.#wake = resolve))
    // A record that comes soon after a step waits for others.
    const wait = isDue ? Promise.race([woken, pausing(ms, waiting.signal)]) : pausing(STEP_MS, waiting.signal)
    await wait
    waiting.abort()
    this.#wake = undefined
  }

  /** Ends what the next step takes. */
  #seal(): void {
    this.#tables.seal()
    this.#retained.seal()
    this.#stage.seal()
    this.#meter.seal()
  }

  async #stepNow(): Promise<void> {
    // By what is known now: of records that come with this step, it is not known yet whether a shard that seems idle has older ones.
    const known = this.#clock.next(this.#keeper.place.watermark)
    this.#seal()
    const positions: Record<string, StreamPositions[string]> = {}
    for (const [stream, source] of this.#sources) {
      positions[stream] = source.position
    }
    this.#clock.reached(positions)
    for (const source of this.#sources.values()) source.roomCame()
    await this.#step(positions, known, undefined)
  }

  /**
   * Ends a step that was prepared. Of fewer records than it had, its results would not be the same: which of them are stored could not be
   * told any more. It stores no more of them then.
   */
  async #end(prepared: PreparedStep): Promise<void> {
    if (this.#missing > 0)
      this.#meter.tore(this.#missing, { after: this.#keeper.place.watermark, until: prepared.watermark })
    await this.#step(prepared.positions, prepared.watermark, prepared)
  }

  /** Makes rows of what was sealed, and stores what follows. Of a step that was prepared, the end is known. */
  async #step(
    positions: StreamPositions,
    known: number | null,
    prepared: PreparedStep | undefined,
  ): Promise<void> {
    this.#tables.turnFiles()
    await this.#keeper.freshen()
    const { watermark: before, positions: begin } = this.#keeper.place
    await this.#tables.between(before, before)
    const results: Result[] = []
    for (const held of this.#tables.inputs) {
      const { refused, late, again } = await held.take()
      results.push(...this.#retained.late(held.input.stream, late))
      results.push(...this.#retained.refused(held.input.stream, refused))
      this.#meter.took(held.input.stream, { late, refused, again })
    }
    const watermark = prepared === undefined ? this.#clock.next(known) : prepared.watermark
    const kept = prepared === undefined ? this.#clock.kept(before, watermark) : keptIn(prepared)
    const end = { watermark, positions: { ...begin, ...positions }, ...kept }
    const isTorn = prepared !== undefined && this.#missing > 0
    if (!isTorn) {
      const failures = failureSink(this.#meter, this.#retained)
      const others = this.#stage.results({ tables: this.#tables, before, end, failures })
      await storeStep([results, others], { end, prepared }, this.#writing)
    }
    this.#meter.stepped()
    this.#retained.forget()
    if (watermark !== before) await this.#tables.between(before, watermark)
    for (const held of this.#tables.inputs) if (watermark !== before || !held.isTimed) await held.release()
    this.#keeper.reached({ ...end, totals: this.#meter.totals })
    this.#clock.stepped(end)
    this.#steppedAt = this.#parts.monotonic()
    if (this.#keeper.isDue) await this.#save()
  }

  async #save(): Promise<void> {
    await this.#keeper.save(this.#aborting.signal)
    await this.#snapshots.saved(this.#keeper.place)
  }
}
