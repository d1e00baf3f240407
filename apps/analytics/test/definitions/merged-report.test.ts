// What is said of a query of all of its units.
import { expect, it } from 'vitest'
import { queryUnits, type QueryReport } from 'millrace/protocol'
import { mergedReport, type UnitReport } from '../../src/definitions/merged-report.ts'
import { reportWith } from './query-broker.ts'

const spread = { stream: 'q.parts', streamId: 1, keys: { clicks: ['page'] } }

/** Units with what is said of each, in their order; undefined of those that no app has begun. */
function units(
  sharing: Parameters<typeof queryUnits>[1]['sharing'],
  ...reports: readonly (Partial<QueryReport> | undefined)[]
): readonly UnitReport[] {
  return queryUnits('q', { ...(sharing !== undefined && { sharing }) }).map((unit, at) => {
    const report = reports[at]
    return { ...unit, report: report && reportWith(report) }
  })
}

it('is that of the one unit of a query that is not shared, or none', () => {
  expect(mergedReport(units(undefined, { rowsRead: 3 }))).toEqual(reportWith({ rowsRead: 3 }))
  expect(mergedReport(units(undefined, undefined))).toBeUndefined()
  expect(mergedReport(units({ parts: 2 }))).toBeUndefined()
})

it('adds up what parts have, from the version and the time of the one that is least far', () => {
  const one = { version: 2, at: 50, rowsHeld: 1, windowsOpen: 2, rowsRead: 3, rowsLate: 4, watermark: 20 }
  const other = {
    version: 3,
    at: 40,
    rowsHeld: 10,
    windowsOpen: 1,
    rowsRead: 30,
    rowsLate: 40,
    watermark: 10,
  }
  expect(
    mergedReport(
      units({ parts: 3 }, { ...one, lastResultAt: 7 }, { ...other, lastResultAt: 9 }, { version: 3, at: 60 }),
    ),
  ).toEqual(
    reportWith({
      version: 2,
      at: 40,
      rowsHeld: 11,
      windowsOpen: 2,
      rowsRead: 33,
      rowsLate: 44,
      watermark: 10,
      lastResultAt: 9,
    }),
  )
})

it('counts rows where they are read of the streams of the query, and results where they are written', () => {
  const each = { rowsRead: 5, rowsWritten: 5, rowsPerSecond: 2 }
  const inputs = [{ stream: 'clicks', shards: [] }]
  const part = { ...each, rowsWritten: 1, inputs: [{ stream: 'q.parts', shards: [] }] }
  expect(
    mergedReport(units({ parts: 2, spread }, { ...each, inputs }, { ...each, inputs }, part, part)),
  ).toEqual(reportWith({ rowsRead: 10, rowsWritten: 2, rowsPerSecond: 4, inputs }))
})

it('has a shard that several parts read where the last of them is, whether they wait or not', () => {
  const shard = (next: number, isIdle: boolean, latestEventTime?: number) => ({
    shardId: 's',
    next,
    isIdle,
    behindMs: next,
    ...(latestEventTime !== undefined && { latestEventTime }),
  })
  const of = (...shards: readonly ReturnType<typeof shard>[]) =>
    mergedReport(
      units(
        { parts: shards.length },
        ...shards.map((each) => ({ inputs: [{ stream: 'clicks', shards: [each] }] })),
      ),
    )?.inputs
  expect(of(shard(5, false, 100), shard(3, false, 200), shard(1, true))).toEqual([
    {
      stream: 'clicks',
      shards: [{ shardId: 's', next: 1, isIdle: false, behindMs: 5, latestEventTime: 100 }],
    },
  ])
  expect(of(shard(5, false, 100), shard(3, false))![0]!.shards[0]).not.toHaveProperty('latestEventTime')
})

it('says what holds it: first a unit that cannot go on, then one that is not begun; one that has nothing to do only where no part has', () => {
  const idle = { reason: 'No rows have come yet.' }
  const failing = { state: 'failing', reason: 'The stream q.parts is gone.' } as const
  const of = (...reports: Parameters<typeof units>[1][]) => {
    const { state, reason } = mergedReport(units({ parts: reports.length }, ...reports))!
    return [state, reason]
  }
  expect(of(idle, failing, undefined)).toEqual(['failing', 'q@1: The stream q.parts is gone.'])
  expect(of(idle, undefined)).toEqual(['running', 'q@1: no app has begun it yet.'])
  expect(of(idle, {})).toEqual(['running', undefined])
  expect(of(idle, idle)).toEqual(['running', 'q@0: No rows have come yet.'])
})
