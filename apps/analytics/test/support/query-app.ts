// A broker in this process with the app analytics on it.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Client, type RecordInput } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import {
  queryKinds,
  type QueryDefinition,
  type QueryReport,
  type QuerySharing,
  type QuerySpread,
} from 'millrace/protocol'
import { Engine } from '../../src/engine/index.ts'
import type { QueryProgress } from '../../src/run/place/query-place.ts'
import { runQueries, type QueriesParts } from '../../src/run/queries.ts'
import type { SnapshotState } from '../../src/run/snapshots/query-snapshots.ts'

export interface CopyOptions {
  /** When it fires, the copy loses the broker at once, as by its death. */
  readonly death?: AbortSignal
  /** Its name among the copies; one of its own by default. */
  readonly own?: string
  /** Bytes of memory of its engine. */
  readonly memory?: number
  /** Most bytes that its engine spills to disk, as DuckDB writes them (`10MiB`); all of the disk by default. */
  readonly spill?: string | undefined
  /** How files from elsewhere are fetched. */
  readonly reference?: QueriesParts['reference']
  /** Where it keeps snapshots; nowhere by default. */
  readonly state?: SnapshotState
  /** Called before and after each put of a query's progress. What it throws is what the put rejects with. */
  readonly onProgress?: (when: 'before' | 'after', progress: QueryProgress) => void
}

/** How a query is shared; `keys` by stream, where it is not by the partition key. */
export interface TestSharing {
  readonly parts: number
  readonly keys?: QuerySpread['keys']
}

export interface QueryApp extends AsyncDisposable {
  readonly broker: Broker
  readonly client: Client
  readonly warnings: string[]
  /** Begins a copy of the app; several may run. */
  start(options?: CopyOptions): Promise<{ close(): Promise<void>; readonly spillDir: string }>
  /** Makes a query and, where it is shared by keys, the stream between. */
  create(
    name: string,
    sql: string,
    more?: Omit<Partial<QueryDefinition>, 'sharing'> & { readonly sharing?: TestSharing },
  ): Promise<void>
  report(name: string): Promise<QueryReport | undefined>
}

/** The columns of the streams of most tests. */
export const clickColumns = { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' }

/** The clocks of the broker and of the app, in milliseconds. */
export interface AppTime {
  readonly now: () => number
  readonly elapsed: () => number
}

export async function queryApp(time?: AppTime): Promise<QueryApp> {
  const directory = await mkdtemp(join(tmpdir(), 'queries-'))
  const broker = await createBroker({
    listen: false,
    config: { segmentSize: '1MiB' },
    ...(time !== undefined && { clock: time.now, elapsed: time.elapsed }),
  })
  const client = await connect(broker.url, { dial: broker.dial })
  const closers: (() => Promise<void>)[] = []
  const app: QueryApp = {
    broker,
    client,
    warnings: [],
    start: async ({
      death,
      own = randomUUID(),
      memory = 2 ** 28,
      spill,
      reference,
      state,
      onProgress,
    } = {}) => {
      const ownClient = await connect(broker.url, { dial: broker.dial, ...(death && { signal: death }) })
      if (onProgress !== undefined) tellProgress(ownClient, onProgress)
      const spoolDir = await mkdtemp(join(directory, 'copy-'))
      const engine = await Engine.open({ memory, threads: 2, spoolDir: join(spoolDir, 'spill') })
      if (spill !== undefined) await limitSpill(engine, spill)
      const queries = await runQueries({
        client: ownClient,
        engine,
        directory: spoolDir,
        state,
        own,
        reference,
        now: time?.now ?? Date.now,
        monotonic: () => performance.now(),
        tell: (message, error) => app.warnings.push(`${message} ${String(error)}`),
      })
      const close = async (): Promise<void> => {
        await queries.close().catch(() => {})
        await engine.close()
        await ownClient.close().catch(() => {})
      }
      closers.push(close)
      return { close, spillDir: join(spoolDir, 'spill') }
    },
    create: async (name, sql, { sharing: shared, ...more } = {}) => {
      const sharing = shared && (await sharingOf(client, name, shared))
      const definition: QueryDefinition = {
        createdAt: Date.now(),
        updatedAt: Date.now(),
        id: randomUUID().slice(0, 8),
        version: 1,
        begins: true,
        sql,
        state: 'running',
        from: 'TRIM_HORIZON',
        time: { outOfOrderMs: 0, idleMs: 500 },
        columns: { clicks: clickColumns },
        ...more,
        ...(sharing && { sharing }),
      }
      await client
        .documents<QueryDefinition>(queryKinds.queries)
        .put(name, definition, { expectedVersion: 0 })
    },
    report: async (name) => (await client.documents<QueryReport>(queryKinds.reports).get(name))?.value,
    [Symbol.asyncDispose]: async () => {
      for (const close of closers) await close()
      await client.close()
      await broker.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
  return app
}

async function sharingOf(client: Client, name: string, { parts, keys }: TestSharing): Promise<QuerySharing> {
  if (keys === undefined) return { parts }
  const stream = `${name}.parts`
  const { id } = await client.createStream(stream, { shards: parts })
  return { parts, spread: { stream, streamId: id, keys } }
}

async function limitSpill(engine: Engine, most: string): Promise<void> {
  using session = await engine.session()
  await session.run(`SET GLOBAL max_temp_directory_size = '${most}'`)
}

function tellProgress(client: Client, onProgress: NonNullable<CopyOptions['onProgress']>): void {
  const documents = client.documents.bind(client)
  client.documents = ((kind: string, options?: never) => {
    const of = documents<QueryProgress>(kind, options)
    if (kind !== queryKinds.progress) return of
    const put = of.put.bind(of)
    of.put = async (name, value, putOptions) => {
      onProgress('before', value)
      const stored = await put(name, value, putOptions)
      onProgress('after', value)
      return stored
    }
    return of
  }) as typeof client.documents
}

/** A click at a second of the first minutes of 2026, as a record. */
export function click(second: number, page: string, ms = 1): RecordInput {
  const ts = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString()
  return { partitionKey: page, data: JSON.stringify({ ts, page, ms }) }
}

/** Reads all that a stream has now: parsed payloads. */
export async function rowsIn(client: Client, stream: string): Promise<readonly Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const { bytes } of client.read(stream))
    rows.push(JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>)
  return rows
}

/** A moment of a click, as results have it. */
export const at = (second: number) =>
  new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().replace('.000Z', 'Z')
