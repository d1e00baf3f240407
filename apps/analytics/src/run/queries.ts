// The continuous queries of a broker, carried out: each of their units by one of the processes that run this app. Composition root of what runs; runs in the
// app.
import { MillraceError, type Client, type Documents, type KeptDocuments } from 'millrace'
import {
  queryKinds,
  queryUnits,
  type QueryDefinition,
  type QueryReport,
  type QueryUnit,
} from 'millrace/protocol'
import { EngineFault, type Engine } from '../engine/index.ts'
import { ReferenceFault } from '../reference/index.ts'
import { ProgressStore, QueryTakenError } from './place/progress-store.ts'
import { QueryHosts, type QueryHost } from './query-hosts.ts'
import { keepSchemas } from '../streams/schema/stream-schemas.ts'
import { deletePartsStream } from './parts/parts-stream.ts'
import { progressDocuments } from './place/packed.ts'
import type { QueryProgress } from './place/query-place.ts'
import { QueryRun } from './query-run.ts'
import type { RunParts } from './run-parts.ts'
import type { SnapshotState } from './snapshots/query-snapshots.ts'

export interface QueriesParts {
  readonly client: Client
  readonly engine: Engine
  /** For spools of this process alone. */
  readonly directory: string
  /** Where rows are kept that outlive this process; left out: nowhere. */
  readonly state?: SnapshotState | undefined
  /** Name of this process, which no other has. */
  readonly own: string
  readonly now: () => number
  /** How files from elsewhere are fetched. */
  readonly reference?: RunParts['reference']
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  /** Takes what an operator should know. */
  readonly tell: (message: string, error?: unknown) => void
}

/** How often it is looked whether a unit is free. */
const LOOK_MS = 1000
const REPORT_MS = 2000
/** A report that says nothing new is put this often. */
const SAME_REPORT_MS = 30_000
/** How long a unit that has failed is left alone: at first, and at most. */
const AGAIN_MS = { first: 1000, most: 30_000 } as const

/** One unit that this process has taken, or tries to; or a query that it removes. */
interface Taken {
  readonly query: string
  readonly definition: QueryDefinition
  /** Of the document. */
  readonly documentVersion: number
  readonly aborting: AbortController
  run: QueryRun | undefined
  /** What reports: the run, or one that ends what was prepared before. */
  reported: Pick<QueryRun, 'report'> | undefined
  /** Fulfils when nothing of it goes on. */
  over: Promise<void>
}

interface Failures {
  readonly query: string
  readonly count: number
  readonly at: number
}

/** Carries out the queries of a broker until it is closed. Rejects where the broker cannot be asked. */
export async function runQueries(parts: QueriesParts): Promise<{ close(): Promise<void> }> {
  return Queries.open(parts)
}

class Queries {
  readonly #parts: QueriesParts
  readonly #book: KeptDocuments<QueryDefinition>
  readonly #hosts: QueryHosts
  readonly #progress: Documents<QueryProgress>
  readonly #reports: Documents<QueryReport>
  readonly #taken: Map<string, Taken>
  readonly #failures = new Map<string, Failures>()
  readonly #told = new Map<string, { readonly query: string; readonly text: string; readonly at: number }>()
  readonly #timers: readonly NodeJS.Timeout[]
  #isClosing = false
  #reporting: Promise<void> | undefined

  private constructor(
    parts: QueriesParts,
    {
      book,
      hosts,
      taken,
    }: {
      readonly book: KeptDocuments<QueryDefinition>
      readonly hosts: QueryHosts
      readonly taken: Map<string, Taken>
    },
  ) {
    this.#parts = parts
    this.#taken = taken
    this.#book = book
    this.#hosts = hosts
    this.#progress = progressDocuments(parts.client)
    this.#reports = parts.client.documents<QueryReport>(queryKinds.reports)
    book.onChange((name) => {
      // What another definition did says nothing of this one.
      for (const [unit, { query }] of this.#failures) if (query === name) this.#failures.delete(unit)
      for (const [unit, { query }] of this.#told) if (query === name) this.#told.delete(unit)
      this.look()
    })
    this.#timers = [
      setInterval(() => this.look(), LOOK_MS),
      setInterval(() => void this.#report(), REPORT_MS),
    ]
  }

  static async open(parts: QueriesParts): Promise<Queries> {
    const { client, own, monotonic, tell } = parts
    const book = await client
      .documents<QueryDefinition>(queryKinds.queries)
      .keep({ onLost: (error) => tell('The definitions of queries are followed anew.', error) })
    const taken = new Map<string, Taken>()
    const hosts = await QueryHosts.open({
      documents: client.documents<QueryHost>(queryKinds.hosts),
      own,
      queries: () => [...taken.keys()],
      monotonic,
      warn: tell,
    })
    const queries = new Queries(parts, { book, hosts, taken })
    hosts.onChange(() => queries.look())
    queries.look()
    return queries
  }

  /** Begins and ends what is due. */
  look(): void {
    if (this.#isClosing) return
    const known = new Map(this.#book.entries())
    for (const [name, taken] of this.#taken) {
      const isSame = known.get(taken.query)?.version === taken.documentVersion
      if (!isSame || !this.#hosts.isMine(name)) this.#end(taken)
    }
    for (const [query, { value, version }] of known) {
      const of = { query, definition: value, documentVersion: version }
      if (value.state === 'running')
        for (const unit of queryUnits(query, value)) if (this.#isDue(unit.name)) this.#take(unit, of)
      if (value.state === 'deleting' && this.#isDue(query) && this.#areLeft(query, value)) this.#remove(of)
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true
    for (const timer of this.#timers) clearInterval(timer)
    const taken = [...this.#taken.values()]
    for (const each of taken) this.#end(each)
    await Promise.all(taken.map(({ over }) => over))
    await this.#reporting
    await this.#hosts.close()
    await this.#book.close()
  }

  #isDue(name: string): boolean {
    return !this.#taken.has(name) && this.#hosts.isMine(name) && !this.#rests(name)
  }

  /** Whether no process carries out a unit of the query any more: it would say something of it again. */
  #areLeft(query: string, definition: QueryDefinition): boolean {
    const units = queryUnits(query, definition).map(({ name }) => name)
    return !units.some((unit) => this.#taken.has(unit)) && !this.#hosts.areElsewhere(units)
  }

  #rests(name: string): boolean {
    const failures = this.#failures.get(name)
    if (failures === undefined) return false
    const ms = Math.min(AGAIN_MS.most, AGAIN_MS.first * 2 ** (failures.count - 1))
    return this.#parts.monotonic() - failures.at < ms
  }

  #take(unit: QueryUnit, of: Pick<Taken, 'query' | 'definition' | 'documentVersion'>): void {
    this.#begin(unit.name, of, (taken) => this.#run(unit, taken))
  }

  #remove(of: Pick<Taken, 'query' | 'definition' | 'documentVersion'>): void {
    const { query, definition, documentVersion } = of
    this.#begin(query, of, async () => {
      const { client } = this.#parts
      await deletePartsStream(client, definition.sharing)
      await keepSchemas(client, query, [])
      for (const { name } of queryUnits(query, definition)) {
        await this.#progress.delete(name)
        await this.#reports.delete(name)
      }
      await this.#book.delete(query, documentVersion)
    })
  }

  #begin(
    name: string,
    of: Pick<Taken, 'query' | 'definition' | 'documentVersion'>,
    work: (taken: Taken) => Promise<void>,
  ): void {
    const taken: Taken = {
      ...of,
      aborting: new AbortController(),
      run: undefined,
      reported: undefined,
      over: Promise.resolve(),
    }
    this.#taken.set(name, taken)
    this.#hosts.tell()
    taken.over = work(taken)
      .catch((error: unknown) => this.#failed(name, taken, error))
      .then(() => this.#left(name, taken))
  }

  async #left(name: string, taken: Taken): Promise<void> {
    taken.reported = undefined
    // A report that is under way would be there again when the query is removed.
    await this.#reporting
    this.#taken.delete(name)
    this.#hosts.tell()
    // What has come since may be due now.
    this.look()
  }

  async #run(unit: QueryUnit, taken: Taken): Promise<void> {
    const { name } = unit
    const { query, definition, aborting } = taken
    const store = await ProgressStore.claim(this.#progress, name, {
      owner: this.#parts.own,
      definition,
      isElsewhere: (owner) => this.#hosts.isElsewhere(owner, name),
    })
    if (store === undefined) {
      this.#failures.set(name, { query, count: 1, at: this.#parts.monotonic() })
      return
    }
    const onResumed = (run: Pick<QueryRun, 'report'>): void => void (taken.reported = run)
    const run = await QueryRun.open(
      { ...this.#parts, query, unit, definition, store, onResumed },
      aborting.signal,
    )
    taken.run = run
    taken.reported = run
    try {
      if (aborting.signal.aborted) await run.stop()
      await run.over
      this.#failures.delete(name)
    } finally {
      await run.abort()
    }
  }

  /** Ends it in good order, and at once where it has not begun. */
  #end(taken: Taken): void {
    taken.aborting.abort()
    void taken.run?.stop()
  }

  async #failed(name: string, { query, definition, aborting }: Taken, error: unknown): Promise<void> {
    if (aborting.signal.aborted || error instanceof QueryTakenError) return
    const count = (this.#failures.get(name)?.count ?? 0) + 1
    this.#failures.set(name, { query, count, at: this.#parts.monotonic() })
    const reason = reasonOf(error)
    this.#parts.tell(`The query ${name} has failed, and is begun again.`, error)
    await this.#put({ name, query }, failedReport(definition, { reason, error }, this.#parts.now())).catch(
      () => {},
    )
  }

  #report(): Promise<void> {
    this.#reporting ??= this.#reportAll().finally(() => (this.#reporting = undefined))
    return this.#reporting
  }

  async #reportAll(): Promise<void> {
    for (const [name, { query, reported }] of this.#taken) {
      if (reported === undefined) continue
      try {
        await this.#put({ name, query }, reported.report())
      } catch (error) {
        if (!this.#isClosing && !MillraceError.is(error, 'closed'))
          this.#parts.tell(`What there is to say of the query ${name} cannot be kept.`, error)
      }
    }
  }

  async #put(
    { name, query }: { readonly name: string; readonly query: string },
    report: QueryReport,
  ): Promise<void> {
    const text = JSON.stringify({ ...report, at: 0 })
    const last = this.#told.get(name)
    if (last?.text === text && report.at - last.at < SAME_REPORT_MS) return
    await this.#reports.put(name, report)
    this.#told.set(name, { query, text, at: report.at })
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof EngineFault)) return message
  if (error.code === 'full')
    return `The rows that it works on do not fit onto the disk beside the memory of the app: make room in its spool directory (analytics-spool-dir), or give the query shorter windows. Nothing is lost: it goes on where it stood. ${message}`
  if (error.code !== 'memory') return message
  return `The rows that it works on do not fit into the memory of the app: give it more (analytics-memory), or the query shorter windows. ${message}`
}

function failedReport(
  { version }: QueryDefinition,
  { reason, error }: { readonly reason: string; readonly error: unknown },
  at: number,
): QueryReport {
  return {
    version,
    at,
    // A file from elsewhere may come.
    state: error instanceof ReferenceFault ? 'waiting' : 'failing',
    reason,
    rowsHeld: 0,
    windowsOpen: 0,
    rowsRead: 0,
    rowsLate: 0,
    rowsCountedLate: 0,
    rowsRefused: 0,
    rowsWritten: 0,
    rowsPerSecond: 0,
    inputs: [],
  }
}
