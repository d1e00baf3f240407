// The results of one statement. What it cannot compute of what rows hold is left out and told, and all the rest is given. Runs in the app.
import { EngineFault, type EngineRow, type EngineSession, type EngineStream } from '../../engine/index.ts'
import type { PlannedStatement } from '../../plan/query-plan.ts'
import type { HeldInput, RowRange, RowTimes } from '../held-input.ts'
import { cutOf, type Boundaries, type TimeSpan } from '../time/watermark.ts'
import type { FailureSink } from './failures.ts'
import { resultsOf } from './halving.ts'
import { resultRecord, type Result } from './results.ts'

export interface StatementParts {
  readonly session: EngineSession
  readonly statement: PlannedStatement
  /** The stream that results go to. */
  readonly target: string
  /** Those that it reads. */
  readonly inputs: readonly HeldInput[]
  /** At one of which each result comes; undefined where they come at any time. */
  readonly boundaries: Boundaries | undefined
  /** Sets between which watermarks statements run. */
  readonly between: (span: TimeSpan) => Promise<void>
  readonly failures: FailureSink
}

/** Rows of inputs; `input` is its place among those of the statement. */
type RowRanges = readonly (RowRange & { readonly input: number })[]

/** Gives the results of a statement of rows alone, in the order of the stream. */
export async function* resultsOfRows(parts: StatementParts): AsyncGenerator<Result, void, undefined> {
  const { session, statement, inputs, failures } = parts
  let isRestricted = false
  const restrict = async (ranges: RowRanges | undefined): Promise<void> => {
    isRestricted = ranges !== undefined
    for (const [at, input] of inputs.entries())
      await (ranges === undefined ? input.show() : input.showRows(ranges.find((range) => range.input === at)))
  }
  const rangesOf = async (): Promise<RowRanges> => {
    const ranges: (RowRange & { readonly input: number })[] = []
    for (const [input, held] of inputs.entries()) {
      const range = await held.rowRange()
      if (range !== undefined) ranges.push({ input, ...range })
    }
    return ranges
  }
  try {
    yield* resultsOf<RowRanges | undefined, Result>(undefined, {
      async *run(ranges) {
        if (ranges !== undefined) await restrict(ranges)
        yield* recordsOf(parts, await session.result(statement.sql))
      },
      isOfPiece,
      halves: async (ranges) => halvesOf(ranges ?? (await rangesOf())),
      refuse: async (ranges, error) => {
        const told: Result[] = []
        for (const range of ranges ?? (await rangesOf())) {
          const held = inputs[range.input]!
          const places = await held.placesIn(range)
          const rows = places.map((place) => ({ ...place, reason: reasonOf(error) }))
          told.push(...failures.rows(held.input.stream, rows))
        }
        return told
      },
    })
  } finally {
    if (isRestricted) await restrict(undefined)
  }
}

/** Gives the results that come between two watermarks, which are set. */
export async function* resultsBetween(
  span: TimeSpan,
  parts: StatementParts,
): AsyncGenerator<Result, void, undefined> {
  const { session, statement, inputs } = parts
  const sql = `SELECT * FROM (${statement.sql}) ORDER BY ALL`
  let isRestricted = false
  try {
    yield* resultsIn(span, parts, async (piece) => {
      // A value that fails is computed, and fails, also where the result that it is for is not asked for.
      isRestricted ||= piece !== span
      if (isRestricted) for (const input of inputs) await input.showNeeded(piece)
      return session.stream(sql)
    })
  } finally {
    if (isRestricted) for (const input of inputs) await input.show()
  }
}

/**
 * Gives what is computed between two watermarks, which are set, or of each of their pieces between those that are set then. What is computed is
 * sorted: it fails before its first row.
 */
export async function* resultsIn(
  span: TimeSpan,
  parts: StatementParts,
  compute: (piece: TimeSpan) => Promise<EngineStream>,
): AsyncGenerator<Result, void, undefined> {
  const { target, between, failures } = parts
  let isHalved = false
  try {
    yield* resultsOf<TimeSpan, Result>(span, {
      async *run(piece) {
        if (isHalved) await between(piece)
        yield* recordsOf(parts, await compute(piece))
      },
      isOfPiece,
      halves: async (piece) => {
        const pieces = await piecesOf(piece, parts)
        isHalved ||= pieces !== undefined
        return pieces
      },
      refuse: async (piece, error) => failures.results({ target, span: piece, reason: reasonOf(error) }),
    })
  } finally {
    if (isHalved) await between(span)
  }
}

/** Halves a span at the end of a window, or where results come at any time, at the time of a row. */
async function piecesOf(
  span: TimeSpan,
  { statement: { kind }, inputs, boundaries }: StatementParts,
): Promise<readonly TimeSpan[] | undefined> {
  const { after, until } = span
  const sought = boundaries === undefined ? span : { after: null, until }
  const times: RowTimes[] = []
  for (const input of inputs) times.push(await input.timesIn(sought))
  const known = times.filter(({ count }) => count > 0)
  const [most] = known.toSorted((a, b) => b.count - a.count)
  // Each result of OVER has the time of a row.
  if (most === undefined) return kind === 'over' ? [] : undefined
  const middle = most.count < 2 ? undefined : most.middle
  const first = Math.min(...known.map((each) => each.first))
  const cut = boundaries === undefined ? middle : cutOf(span, first, boundaries)
  if (cut === undefined) return undefined
  return [
    { after, until: cut },
    { after: cut, until },
  ]
}

async function* recordsOf(
  { statement, target }: StatementParts,
  stream: EngineStream,
): AsyncGenerator<Result, void, undefined> {
  const recordOf = (row: EngineRow) => resultRecord(row, statement.targetColumns)
  for await (const rows of stream.rows()) for (const row of rows) yield { target, record: recordOf(row) }
}

function halvesOf(ranges: RowRanges): readonly [RowRanges, RowRanges] | undefined {
  const [range, ...others] = ranges
  if (range === undefined) return undefined
  if (others.length > 0) return [[range], others]
  const { input, first, last } = range
  if (first === last) return undefined
  const middle = Math.floor((first + last) / 2)
  return [[{ input, first, last: middle }], [{ input, first: middle + 1, last }]]
}

/** Whether a statement fails by what rows hold. */
function isOfPiece(error: unknown): boolean {
  return error instanceof EngineFault && error.code === 'convert'
}

/** The first line says what is wrong; those below point into SQL that nobody has written. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n', 1)[0]!
}
