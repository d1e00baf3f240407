// Flink SQL and Millrace, side by side: both get the same lines of JSON, Flink as files and Millrace as records, and give the same rows. Skipped where
// there is no Java.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildFlink, Flink, flinkTable, hasJava, streaming } from '../../../../bench/flink/flink.ts'
import {
  isByArrival,
  shownRows,
  type CaseRecord,
  type CaseStream,
  type DialectCase,
} from '../support/dialect/case.ts'
import { dialectCases } from '../support/dialect/cases.ts'
import { closedAt, createCase, DAY_MS, isOfMoments, putRecords } from '../support/dialect/on-broker.ts'
import { queryApp, rowsIn } from '../support/query-app.ts'
import { differenceStreams, flinkDifferences } from './flink-differences.ts'
import { flinkCases } from './flink-questions.ts'
import { ordersAndPayments, OUT_OF_ORDER_MS } from './orders-and-payments.ts'

const HEAP_MIB = 1024
const SEED = 20_200_415
const canRun = hasJava()
if (!canRun) console.log('Flink is not asked: this machine has no Java, or no Maven.')

let flink: Flink
let directory: string

beforeAll(async () => {
  if (!canRun) return
  directory = await mkdtemp(join(tmpdir(), 'millrace-flink-'))
  const classPath = await buildFlink(
    fileURLToPath(new URL('../../../../bench/flink/java', import.meta.url)),
    join(directory, 'java'),
  )
  flink = Flink.start(classPath, HEAP_MIB)
})

afterAll(async () => {
  if (!canRun) return
  await flink?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** A question with the files that both read. */
interface Asked {
  readonly sql: string
  readonly flink: string
  readonly streams: Readonly<Record<string, CaseStream>>
  /** Where Millrace writes. */
  readonly target: string
  readonly outOfOrderMs: number
}

const pathOf = (stream: string) => join(directory, `${stream}.json`)

async function writeStreams(streams: Asked['streams']): Promise<void> {
  for (const [name, { records }] of Object.entries(streams))
    await writeFile(pathOf(name), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
}

async function byFlink({ flink: sql, streams, outOfOrderMs }: Asked): Promise<readonly CaseRecord[]> {
  const setup = Object.entries(streams).map(([name, { columns }]) =>
    flinkTable(name, { columns, path: pathOf(name), outOfOrderMs }),
  )
  // One task reads the lines in their order, as a shard has them.
  return (await flink.ask({ options: streaming(1), setup, sql })).rows
}

async function byMillrace({ sql, streams, target, outOfOrderMs }: Asked): Promise<readonly CaseRecord[]> {
  await using app = await queryApp()
  const read: Record<string, CaseStream> = {}
  for (const [name, { columns }] of Object.entries(streams)) {
    const lines = (await readFile(pathOf(name), 'utf8')).trimEnd().split('\n')
    read[name] = { columns, records: lines.map((line) => JSON.parse(line) as CaseRecord) }
  }
  const count = await putRecords(app, { sql, streams: read })
  await createCase(app, { sql, streams: read }, { targets: [target], outOfOrderMs })
  await app.start()
  const isWaited = isOfMoments({ sql })
  await expect
    .poll(async () => {
      const { rowsRead = 0, watermark = 0 } = (await app.report('q')) ?? {}
      return rowsRead >= count && (!isWaited || watermark >= closedAt(outOfOrderMs))
    })
    .toBe(true)
  expect(app.warnings).toEqual([])
  return (await rowsIn(app.client, target)) as readonly CaseRecord[]
}

/** Asks both; returns how many rows there are. */
async function expectSame(name: string, asked: Asked): Promise<void> {
  const theirs = shownRows(await byFlink(asked))
  const ours = shownRows(await byMillrace(asked))
  const isSame = JSON.stringify(ours) === JSON.stringify(theirs)
  console.log(`${isSame ? 'same     ' : 'different'} ${String(theirs.length).padStart(6)} rows  ${name}`)
  expect(theirs.length).toBeGreaterThan(0)
  expect(ours).toEqual(theirs)
}

/** The SELECT of a question that writes to one stream. */
const selectOf = ({ sql }: Pick<DialectCase, 'sql'>) =>
  sql.replace(/^INSERT INTO \w+ /, '').replaceAll('"', '`')

describe.runIf(canRun)('the table of the dialect in Flink SQL', () => {
  const asked = dialectCases.filter((one) => one.flink !== null && !isByArrival(one))
  it.each(asked)('$name', async (one) => {
    await writeStreams(one.streams)
    const [target] = Object.keys(one.expected)
    const { sql, streams, flink: theirs = selectOf(one) } = one
    await expectSame(one.name, { sql, flink: theirs!, streams, target: target!, outOfOrderMs: DAY_MS })
  })
})

describe.runIf(canRun)(`orders and payments of seed ${SEED} in Flink SQL`, () => {
  const streams = ordersAndPayments(SEED)
  beforeAll(() => writeStreams(streams))
  it.each(flinkCases)('$name', async ({ name, sql }) => {
    const used = Object.fromEntries(
      Object.entries(streams).filter(([stream]) => new RegExp(`\\b${stream}\\b`).test(sql)),
    )
    const question = { sql: `INSERT INTO out ${sql}`, flink: sql, streams: used, target: 'out' }
    await expectSame(name, { ...question, outOfOrderMs: OUT_OF_ORDER_MS })
  })
})

describe.runIf(canRun)('what differs in Flink SQL', () => {
  beforeAll(() => writeStreams(differenceStreams))
  it.each(flinkDifferences)('$name', async ({ sql, ours, theirs }) => {
    const asked = { streams: differenceStreams, target: 'out', outOfOrderMs: DAY_MS }
    const question = { ...asked, sql: `INSERT INTO out ${sql}`, flink: sql }
    expect(shownRows(await byMillrace(question))).toEqual(shownRows(ours))
    if (typeof theirs === 'string') await expect(byFlink(question)).rejects.toThrow(theirs)
    else expect(shownRows(await byFlink(question))).toEqual(shownRows(theirs))
  })
})
