// Snapshots of the rows that a query's windows hold, on the disk of the app: taken where reading the rows again would take long, or where
// they may expire in their streams first. Runs in the app, between two steps of the query.
//
// A snapshot was taken at a place that was durable before, so that whoever carries the query out goes on at that place or behind it. What it
// has are the rows that were held there; those that came since are read again, and what the watermark has let go since is let go again.
// It is a help and no more: where there is none, as on another machine, or none that is sound, rows are read from the streams.
import { rm } from 'node:fs/promises'
import type { Client } from 'millrace'
import type { QueryDefinition } from 'millrace/protocol'
import { EngineFault, type Engine } from '../../engine/index.ts'
import { quotedText } from '../../rows/index.ts'
import type { HeldInput } from '../held-input.ts'
import type { QueryPlace, StreamPositions } from '../place/query-place.ts'
import { isWithin, latest, recordsBetween } from '../place/replay.ts'
import { isLong, mayExpire } from './snapshot-due.ts'
import { SnapshotFault, SnapshotFiles, type SnapshotNote } from './snapshot-files.ts'

/** Where snapshots are kept. */
export interface SnapshotState {
  /** It outlives the process. Several processes of a machine may share it. */
  readonly directory: string
  readonly uuid: () => string
  /** Records that are read again in the end rather than written before; a sensible number by default. */
  readonly records?: number
}

export interface QuerySnapshotsParts {
  /** Undefined: there are none. */
  readonly state: SnapshotState | undefined
  readonly engine: Engine
  readonly client: Pick<Client, 'describeStream'>
  /** Inputs that windows are made of. */
  readonly inputs: readonly HeldInput[]
  /** The stream from which rows of another come. */
  readonly sourceOf: (stream: string) => string
  readonly definition: Pick<QueryDefinition, 'id' | 'version'>
  /** Of the unit. */
  readonly name: string
  readonly now: () => number
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly tell: (message: string, error?: unknown) => void
  /** Ends one that is being taken. */
  readonly signal: AbortSignal
}

/** How often it is looked at the age of rows. */
const LOOK_MS = 10_000
/** How long none is taken after one that could not be. */
const AGAIN_MS = 60_000

export class QuerySnapshots {
  readonly #parts: QuerySnapshotsParts
  readonly #files: SnapshotFiles | undefined
  /** Of the one that there is. */
  #positions: StreamPositions | undefined
  #takenAt = -Infinity
  #lookedAt = -Infinity
  #failedAt = -Infinity

  constructor(parts: QuerySnapshotsParts) {
    this.#parts = parts
    const { state, definition, name } = parts
    this.#files = state && new SnapshotFiles(state.directory, { id: definition.id, unit: name })
  }

  /**
   * Has the inputs hold the rows of the snapshot, where there is one of this query that is sound and not in front of the place. Returns where
   * rows are read again from.
   */
  async restore(place: QueryPlace): Promise<StreamPositions> {
    const { tell, name } = this.#parts
    if (this.#files === undefined) return place.replayFrom
    try {
      this.#positions = await this.#restored(this.#files, place)
    } catch (error) {
      // What lacks memory or room for now has done the snapshot no harm: rows may have expired elsewhere.
      if (error instanceof EngineFault && (error.code === 'memory' || error.code === 'full')) throw error
      tell(
        `The snapshot of the query ${name} cannot be used, and is removed: its rows are read from the streams again.`,
        error,
      )
      for (const held of this.#parts.inputs) await held.clear()
      await this.#removed(this.#files)
    }
    return this.#from(place)
  }

  /** Takes a snapshot if one is due. The inputs hold the rows of the place, which is durable. */
  async saved(place: QueryPlace): Promise<void> {
    const { state, tell, monotonic, name, signal } = this.#parts
    if (state === undefined || monotonic() - this.#failedAt < AGAIN_MS) return
    try {
      if (!(await this.#isDue(place, state))) return
      await this.#take(place, state)
      this.#positions = place.positions
      this.#takenAt = monotonic()
    } catch (error) {
      signal.throwIfAborted()
      this.#failedAt = monotonic()
      tell(`No snapshot of the query ${name} can be taken now.`, error)
    }
  }

  async #restored(files: SnapshotFiles, place: QueryPlace): Promise<StreamPositions | undefined> {
    const { definition, inputs, engine, state } = this.#parts
    const note = await files.find()
    if (note === undefined || note.query.version !== definition.version) {
      // That of an earlier version is of no use any more.
      await files.remove()
      return undefined
    }
    const shapes = await Promise.all(inputs.map((held) => held.shape()))
    if (JSON.stringify(shapes) !== JSON.stringify(note.shapes))
      throw new SnapshotFault('Its rows are not those of the inputs of this query.')
    if (!isBehind(note, place)) throw new SnapshotFault('It is in front of the place where the query stands.')
    const rows = await files.rowsOf(note)
    using session = await engine.session()
    const database = databaseName(state!)
    await session.run(`ATTACH ${quotedText(rows)} AS ${database} (READ_ONLY)`)
    try {
      for (const [at, held] of inputs.entries()) {
        await held.restore(tableIn(database, at), new Map(note.latest[at]))
        if (held.count !== note.counts[at]) throw new SnapshotFault('It has not all rows.')
      }
    } finally {
      await session.run(`DETACH ${database}`)
    }
    return note.positions
  }

  async #take(place: QueryPlace, state: SnapshotState): Promise<void> {
    const { engine, inputs, definition, name, signal } = this.#parts
    const files = this.#files!
    const rows = await files.rowsPath(state.uuid())
    const interrupt = (): void => inputs[0]?.interrupt()
    signal.addEventListener('abort', interrupt)
    try {
      using session = await engine.session()
      const database = databaseName(state)
      await session.run(`ATTACH ${quotedText(rows)} AS ${database}`)
      try {
        for (const [at, held] of inputs.entries()) await held.store(tableIn(database, at))
        await session.run(`CHECKPOINT ${database}`)
      } finally {
        await session.run(`DETACH ${database}`)
      }
      await files.put(
        {
          query: { id: definition.id, version: definition.version, unit: name },
          shapes: await Promise.all(inputs.map((held) => held.shape())),
          watermark: place.watermark,
          positions: place.positions,
          latest: inputs.map((held) => [...held.latest]),
          counts: inputs.map(({ count }) => count),
        },
        rows,
      )
    } catch (error) {
      for (const path of [rows, `${rows}.wal`]) await rm(path, { force: true })
      throw error
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }

  async #removed(files: SnapshotFiles): Promise<void> {
    const { tell, name } = this.#parts
    this.#positions = undefined
    try {
      await files.remove()
    } catch (error) {
      tell(`The snapshot of the query ${name} cannot be removed.`, error)
    }
  }

  async #isDue(place: QueryPlace, { records: least }: SnapshotState): Promise<boolean> {
    const { inputs, monotonic, sourceOf } = this.#parts
    const held = inputs.reduce((sum, { count }) => sum + count, 0)
    if (held === 0) return false
    const from = this.#from(place)
    const streams = new Set(inputs.map(({ input }) => sourceOf(input.stream)))
    const records = [...streams].reduce(
      (sum, stream) => sum + recordsBetween(from[stream]!, place.positions[stream]!),
      0,
    )
    if (isLong({ records, held }, least)) return true
    if (records === 0 || monotonic() - this.#lookedAt < LOOK_MS) return false
    this.#lookedAt = monotonic()
    return this.#isOld()
  }

  /** Whether rows that no snapshot has may expire soon. */
  async #isOld(): Promise<boolean> {
    const { inputs, client, sourceOf, now, monotonic, signal } = this.#parts
    const sinceLast = monotonic() - this.#takenAt
    for (const held of inputs) {
      const stream = sourceOf(held.input.stream)
      const arrival = await held.oldestArrival(this.#positions?.[stream])
      if (arrival === undefined) continue
      const { retentionMs } = await client.describeStream(stream, { signal })
      if (mayExpire({ age: now() - arrival, retentionMs, sinceLast })) return true
    }
    return false
  }

  /** Where rows are read again from that no snapshot has. */
  #from({ replayFrom }: QueryPlace): StreamPositions {
    const snapshot = this.#positions
    if (snapshot === undefined) return replayFrom
    return Object.fromEntries(
      Object.entries(replayFrom).map(([stream, from]) => [
        stream,
        snapshot[stream] === undefined ? from : latest(from, snapshot[stream]),
      ]),
    )
  }
}

/** Whether a snapshot was taken at the place, or before it. */
function isBehind({ watermark, positions }: SnapshotNote, place: QueryPlace): boolean {
  if ((watermark ?? -Infinity) > (place.watermark ?? -Infinity)) return false
  return Object.entries(positions).every(([stream, position]) => {
    const standing = place.positions[stream]
    return standing !== undefined && isWithin(position, standing)
  })
}

function databaseName({ uuid }: SnapshotState): string {
  return `snapshot_${uuid().replaceAll('-', '_')}`
}

const tableIn = (database: string, input: number) => `${database}.rows_${input}`
