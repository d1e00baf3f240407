// Rows that come late change the results of their windows: which are given again, and when, is what plain JavaScript says, also where
// the rows that are held are read again in between.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { StreamRecord } from 'millrace'
import { parseShardId, shardIdOf, type QueryDefinition } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/index.ts'
import type { FailureSink } from '../../../src/run/results/failures.ts'
import { QueryTables } from '../../../src/run/query-tables.ts'
import { at, clickColumns } from '../../support/query-app.ts'

let directory: string
let engine: Engine
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lateness-'))
  engine = await Engine.open({ memory: 2 ** 28, threads: 2, spoolDir: join(directory, 'spill') })
})
afterAll(async () => {
  await engine.close()
  await rm(directory, { recursive: true, force: true })
})

interface Row {
  readonly stream: 'clicks' | 'views'
  readonly second: number
  readonly page: string
  readonly ms: number
}

interface Step {
  readonly rows: readonly Row[]
  /** Seconds by which the watermark goes on. */
  readonly on: number
  /** Whether the tables are made anew after it. */
  readonly isDeath: boolean
}

const both = `(SELECT ts, page, ms FROM clicks UNION ALL SELECT ts, page, ms FROM views)`
const windows = {
  tumble: {
    sql: `INSERT INTO tumbles SELECT window_start, page, count(*) AS views, sum(ms) AS ms FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND) WHERE page <> 'c' GROUP BY window_start, window_end, page HAVING count(*) > 1`,
    size: 10,
    step: 10,
    streams: ['clicks'],
    hasResult: (rows: readonly Row[]) => rows[0]!.page !== 'c' && rows.length > 1,
  },
  hop: {
    sql: `INSERT INTO hops WITH rows AS ${both} SELECT window_end, page, count(*) AS views, sum(ms) AS ms FROM HOP(TABLE rows, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND) GROUP BY window_start, window_end, page`,
    size: 20,
    step: 5,
    streams: ['clicks', 'views'],
    hasResult: () => true,
  },
  cumulate: {
    sql: `INSERT INTO cumulates SELECT window_start, window_end, page, count(*) AS views, sum(ms) AS ms FROM CUMULATE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '15' SECOND) GROUP BY ALL`,
    size: 15,
    step: 5,
    streams: ['clicks'],
    hasResult: () => true,
  },
} as const
type WindowName = keyof typeof windows

/** Bounds of the windows of a time. */
function boundsOf(name: WindowName, second: number): readonly (readonly [number, number])[] {
  const { size, step } = windows[name]
  const found: [number, number][] = []
  if (name === 'cumulate') {
    const start = Math.floor(second / size) * size
    for (let end = start + step; end <= start + size; end += step) if (end > second) found.push([start, end])
  } else
    for (let start = Math.floor(second / step) * step; start > second - size; start -= step)
      found.push([start, start + size])
  return found
}

interface Group {
  readonly start: number
  readonly end: number
  readonly rows: Row[]
  isChanged: boolean
}

function resultOf(name: WindowName, { start, end, rows }: Group): string {
  return JSON.stringify({
    ...(name !== 'hop' && { window_start: at(start) }),
    ...(name !== 'tumble' && { window_end: at(end) }),
    page: rows[0]!.page,
    views: rows.length,
    ms: rows.reduce((sum, { ms }) => sum + ms, 0),
  })
}

/** A query without a broker, in seconds: what a step gives, by plain JavaScript. */
class Model {
  readonly #lateness: number
  readonly #names: readonly WindowName[]
  readonly #groups: ReadonlyMap<WindowName, Map<string, Group>>
  #watermark = -Infinity

  constructor(names: readonly WindowName[], lateness: number) {
    this.#names = names
    this.#lateness = lateness
    this.#groups = new Map(names.map((name) => [name, new Map()]))
  }

  step(rows: readonly Row[], watermark: number) {
    const cutoff = this.#watermark - this.#lateness
    const late: Row[] = []
    const again = new Set<Row>()
    for (const row of rows) {
      let isLate = true
      for (const name of this.#names.filter((each) => windows[each].streams.includes(row.stream as never)))
        for (const [start, end] of boundsOf(name, row.second)) {
          if (end <= cutoff) continue
          isLate = false
          if (end <= this.#watermark) again.add(row)
          const groups = this.#groups.get(name)!
          const key = `${start} ${end} ${row.page}`
          if (!groups.has(key)) groups.set(key, { start, end, rows: [], isChanged: false })
          groups.get(key)!.rows.push(row)
          groups.get(key)!.isChanged = true
        }
      if (isLate) late.push(row)
    }
    const results = this.#names.flatMap((name) =>
      [...this.#groups.get(name)!.values()].flatMap((group) => {
        const isWritten = group.end <= this.#watermark
        const isDue = isWritten ? group.isChanged : group.end <= watermark
        if (isDue || !isWritten) group.isChanged = false
        return isDue && windows[name].hasResult(group.rows) ? [`${name}s ${resultOf(name, group)}`] : []
      }),
    )
    this.#watermark = watermark
    return { late, again: again.size, results: results.toSorted() }
  }
}

const stepOf = fc.record<Step>({
  rows: fc.array(
    fc.record<Row>({
      stream: fc.constantFrom('clicks', 'clicks', 'views'),
      second: fc.integer({ min: 100, max: 160 }),
      page: fc.constantFrom('a', 'b', 'c'),
      ms: fc.integer({ min: -3, max: 3 }),
    }),
    { maxLength: 12 },
  ),
  on: fc.integer({ min: 0, max: 15 }),
  isDeath: fc.boolean(),
})

let opened = 0
const openTables = (definition: QueryDefinition) =>
  QueryTables.open({ engine, definition, directory, prefix: `lateness-${opened++}` })

/** Records of rows, by stream, in the order in which they came. */
function recordOf(row: Row, sequenceNumber: number): StreamRecord {
  const bytes = Buffer.from(JSON.stringify({ ts: at(row.second), page: row.page, ms: row.ms }))
  return {
    shardId: shardIdOf(sequenceNumber % 2),
    sequenceNumber,
    partitionKey: 'k',
    data: bytes,
    bytes,
    arrivalTime: new Date(0),
    timestamp: new Date(0),
    headers: {},
    explicitHashKey: undefined,
  }
}

/** Takes the rows that other tables hold, as a process does that takes a query over. */
async function takeOver(
  tables: QueryTables,
  from: QueryTables,
  all: readonly (readonly [Row, StreamRecord])[],
) {
  for (const [i, held] of tables.inputs.entries()) {
    const firsts = await from.inputs[i]!.firsts()
    for (const [row, record] of all)
      if (
        row.stream === held.input.stream &&
        record.sequenceNumber >= (firsts.get(record.shardId) ?? Infinity)
      )
        held.addAgain([record], parseShardId(record.shardId))
    await held.takeAgain()
    await held.release()
  }
  from[Symbol.dispose]()
}

it('gives what rows within the lateness change, of their windows and keys alone, and once a step', async () => {
  const kinds = fc.constantFrom<readonly WindowName[]>(
    ['tumble'],
    ['hop'],
    ['cumulate'],
    ['tumble', 'hop', 'cumulate'],
  )
  const steps = fc.array(stepOf, { minLength: 1, maxLength: 8, size: 'max' })
  await fc.assert(
    fc.asyncProperty(kinds, fc.constantFrom(3, 10, 25, 1000), steps, async (names, lateness, all) => {
      const definition = {
        id: 'q',
        sql: names.map((name) => windows[name].sql).join(';'),
        time: { outOfOrderMs: 0, idleMs: 1000, latenessMs: lateness * 1000 },
        columns: { clicks: clickColumns, views: clickColumns },
      } as unknown as QueryDefinition
      const moment = (second: number) => Date.parse(at(second)) * 1000
      const model = new Model(names, lateness)
      const had: (readonly [Row, StreamRecord])[] = []
      let tables = await openTables(definition)
      let watermark: number | null = null
      let second = 110
      for (const { rows, on, isDeath } of all) {
        second += on
        const next = moment(second)
        const came = rows
          .filter(({ stream }) => tables.streams.includes(stream))
          .map((row, i) => [row, recordOf(row, had.length + i)] as const)
        had.push(...came)
        for (const [row, record] of came) tables.add(row.stream, [record], parseShardId(record.shardId))
        tables.seal()
        await tables.between(watermark, watermark)
        const late: string[] = []
        let again = 0
        for (const held of tables.inputs) {
          const taken = await held.take()
          again += taken.again
          late.push(...taken.late.map(({ sequenceNumber }) => String(sequenceNumber)))
        }
        const results: string[] = []
        const keep = async (given: ReturnType<QueryTables['resultsAgain']>) => {
          for await (const { target, record } of given) results.push(`${target} ${String(record.data)}`)
        }
        await keep(tables.resultsAgain(watermark, noFailures))
        await tables.between(watermark, next)
        await keep(tables.resultsBetween({ after: watermark, until: next }, noFailures))
        for (const held of tables.inputs) await held.release()
        const expected = model.step(
          came.map(([row]) => row),
          second,
        )
        expect({ again, results: results.toSorted(), late: late.toSorted() }).toEqual({
          ...expected,
          late: came
            .flatMap(([row, { sequenceNumber }]) =>
              expected.late.includes(row) ? [String(sequenceNumber)] : [],
            )
            .toSorted(),
        })
        watermark = next
        if (!isDeath) continue
        const anew = await openTables(definition)
        await anew.between(watermark, watermark)
        await takeOver(anew, tables, had)
        tables = anew
      }
      tables[Symbol.dispose]()
    }),
    { numRuns: 30 },
  )
}, 120_000)

const noFailures: FailureSink = {
  rows: () => expect.unreachable(),
  results: ({ reason }) => expect.unreachable(reason),
}
