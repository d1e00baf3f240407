// A broker in this process with streams that queries read, for tests of the definitions of queries.
import { afterAll, beforeAll } from 'vitest'
import { connect, json, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { queryKinds, type QueryReport } from 'millrace/protocol'
import type { QueryDoor } from '../../src/definitions/index.ts'

export interface QueryBroker extends QueryDoor {
  /** When the definitions of the test are made. */
  readonly at: number
  streamNames(): Promise<readonly string[]>
  /** Puts what an app says of a query. */
  putReport(name: string, changes?: Partial<QueryReport>): Promise<unknown>
  /** Says as an app does that it is there; with false, that it is gone. */
  serve(isThere?: boolean): Promise<unknown>
}

/** SQL that counts clicks by a column. */
export const counted = (target: string, column = 'page') =>
  `INSERT INTO ${target} SELECT window_start, ${column}, count(*) AS views
FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, ${column}`

/** A report that says nothing, but for what is given. */
export const reportWith = (changes: Partial<QueryReport>): QueryReport => ({
  version: 1,
  at: 0,
  state: 'running',
  rowsHeld: 0,
  windowsOpen: 0,
  rowsRead: 0,
  rowsLate: 0,
  rowsCountedLate: 0,
  rowsRefused: 0,
  rowsWritten: 0,
  rowsPerSecond: 0,
  inputs: [],
  ...changes,
})

/** The broker of a test file: `clicks` has three records of JSON, `silent` none; `kept` is a target with three shards. */
export function queryBroker(): QueryBroker {
  const at = Date.now()
  let broker: Broker
  let client: Client
  let uuids = 0
  beforeAll(async () => {
    broker = await createBroker({ listen: false, config: { segmentSize: '1MiB' } })
    client = await connect(broker.url, { dial: broker.dial })
    await client.createStream('clicks', { shards: 2 })
    await client.createStream('silent')
    await client.createStream('kept', { shards: 3 })
    await client.putMany(
      'clicks',
      [1, 2, 3].map((n) => ({
        partitionKey: `k${n}`,
        data: { page: `/${n}`, ms: n, ts: `2026-01-01T00:00:0${n}Z` },
      })),
      { codec: json() },
    )
  })
  afterAll(async () => {
    await client.close()
    await broker.close()
  })
  return {
    at,
    get client() {
      return client
    },
    now: () => at,
    uuid: () => `00000000-0000-4000-8000-${String(uuids++).padStart(12, '0')}`,
    streamNames: async () => {
      const names: string[] = []
      for await (const { name } of client.listStreams()) names.push(name)
      return names
    },
    putReport: (name, changes) =>
      client.documents<QueryReport>(queryKinds.reports).put(name, reportWith({ at, ...changes })),
    serve: (isThere = true) => {
      const hosts = client.documents(queryKinds.hosts)
      return isThere ? hosts.put('an-app', { beat: 1 }) : hosts.delete('an-app')
    },
  }
}
