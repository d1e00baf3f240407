// The SQL of tables that windows make of others. Pure.
//
//   tumble     |-----|-----|-----|       hop        |-----|
//                                                      |-----|
//   cumulate   |--|                                       |-----|
//              |-----|
//              |--------|                session    |--x--x----|    |--x----|     (closes a gap after its last row)
//
//   stagger    x-----|   x-----|x-----|  (opens at the first row of its key that no earlier one holds)
//
// A row at the end of a window is not in it; a row just a gap after the last one of a session is, as in Flink: a session is therefore
// complete once the watermark has passed its end, all others once it has reached it.
import type { PlannedWindow } from '../plan/query-plan.ts'
import { alignedStart, chainEnd, intervalOf, STAGGER_CHAIN_WINDOWS } from './window.ts'

export interface WindowTable {
  readonly window: PlannedWindow
  /** SQL of the table, as it stands in FROM. */
  readonly data: string
  /** SQL over its columns; any value that can be cast to a TIMESTAMP. */
  readonly time: string
  /** SQL over its columns, of windows that are counted for each value of its own. */
  readonly keys: readonly string[]
  /** Only windows that a run completes, those whose rows are complete so many microseconds after their time; undefined: all of them. */
  readonly restricted?: { readonly delay: number } | undefined
}

export const after = `getvariable('millrace_after')`
export const until = `getvariable('millrace_until')`

/** Returns SQL of whether a row of a time counts in a run, so many microseconds after that. */
export function passedIn(time: string, delay: number): string {
  return `${time} >= ${minus(after, delay)} AND ${time} < ${minus(until, delay)}`
}

/** Returns SQL of a moment before another. */
export function minus(moment: string, microseconds: number): string {
  return microseconds === 0 ? moment : `${moment} - ${intervalOf(microseconds)}`
}

/** Returns a SELECT of the rows of a table with their windows. */
export function windowSql(table: WindowTable): string {
  const { window, restricted } = table
  const edge = window.kind === 'session' ? ['>=', '<'] : ['>', '<=']
  const shift = (bound: string) => minus(bound, restricted?.delay ?? 0)
  const where =
    restricted === undefined
      ? ''
      : ` WHERE window_end ${edge[0]} ${shift(after)} AND window_end ${edge[1]} ${shift(until)}`
  return `SELECT *, window_end - ${intervalOf(1000)} AS window_time FROM (${bounded(table, shift)})${where}`
}

/** Rows with the start and the end of their windows. */
function bounded(table: WindowTable, shift: (bound: string) => string): string {
  const { window, data, restricted } = table
  const { size, step = size, offset } = window
  const time = `CAST(${table.time} AS TIMESTAMP)`
  // What lies in no window of the run is left out before it is multiplied.
  const early =
    restricted === undefined
      ? ''
      : ` AND ${time} >= ${shift(after)} - ${intervalOf(size)} AND ${time} < ${shift(until)}`
  const rows = `FROM ${data} WHERE isfinite(${time})`
  switch (window.kind) {
    case 'tumble':
      return `SELECT *, window_start + ${intervalOf(size)} AS window_end FROM (SELECT *, ${alignedStart(time, size, offset)} AS window_start ${rows}${early})`
    case 'hop': {
      const starts = `${alignedStart(time, step, offset)} - ${intervalOf(step)} * unnest(range(${size / step}))`
      return `SELECT *, window_start + ${intervalOf(size)} AS window_end FROM (SELECT *, ${starts} AS window_start ${rows}${early})`
    }
    case 'cumulate': {
      const first = `(epoch_us(${time}) - epoch_us(window_start)) // ${step} + 1`
      const ends = `window_start + ${intervalOf(step)} * unnest(range(${first}, ${size / step + 1}))`
      return `SELECT *, ${ends} AS window_end FROM (SELECT *, ${alignedStart(time, size, offset)} AS window_start ${rows}${early})`
    }
    case 'session':
      return sessions(table, time, rows)
    case 'stagger':
      return staggers(table, time, rows)
  }
}

function sessions({ window, keys }: WindowTable, time: string, rows: string): string {
  const by = (names: readonly string[]) => (names.length === 0 ? '' : `PARTITION BY ${names.join(', ')} `)
  const opens = `CASE WHEN epoch_us(${time}) - lag(epoch_us(${time})) OVER (${by(keys)}ORDER BY ${time}) <= ${window.size} THEN 0 ELSE 1 END AS millrace_opens`
  // Rows of one time are in no order, and in one session: the sum takes them together.
  const number = `sum(millrace_opens) OVER (${by(keys)}ORDER BY ${time} RANGE UNBOUNDED PRECEDING) AS millrace_session`
  const session = `OVER (${by([...keys, 'millrace_session'])})`
  return `SELECT * EXCLUDE (millrace_opens, millrace_session), min(${time}) ${session} AS window_start, max(${time}) ${session} + ${intervalOf(window.size)} AS window_end FROM (SELECT *, ${number} FROM (SELECT *, ${opens} ${rows}))`
}

/** The first window of a chain opens at its first row, each further one at the first row that the one before does not hold. */
function staggers({ window: { size }, keys }: WindowTable, time: string, rows: string): string {
  const names = keys.map((_, at) => `millrace_key_${at}`)
  const keyed = keys.map((key, at) => `, ${key} AS ${names[at]}`).join('')
  const list = names.map((name) => `, ${name}`).join('')
  const ofRow = names.map((name) => `, r.${name}`).join('')
  const same = names.map((name) => ` AND r.${name} IS NOT DISTINCT FROM o.${name}`).join('')
  const row = `millrace_rows AS (SELECT *, ${time} AS millrace_at, ${chainEnd(time, size)} AS millrace_chain${keyed} ${rows})`
  const first = `SELECT millrace_chain${list}, min(millrace_at) AS window_start, 1 AS millrace_count FROM millrace_rows GROUP BY millrace_chain${list}`
  const next = `SELECT r.millrace_chain${ofRow}, min(r.millrace_at), o.millrace_count + 1 FROM millrace_rows r JOIN millrace_opened o ON r.millrace_chain = o.millrace_chain${same} AND r.millrace_at >= o.window_start + ${intervalOf(size)} WHERE o.millrace_count <= ${STAGGER_CHAIN_WINDOWS} GROUP BY r.millrace_chain${ofRow}, o.millrace_count`
  const end = `least(o.window_start + ${intervalOf(size)}, r.millrace_chain)`
  const hidden = ['millrace_at', 'millrace_chain', ...names].join(', ')
  return `WITH RECURSIVE ${row}, millrace_opened AS (${first} UNION ALL ${next}) SELECT r.* EXCLUDE (${hidden}), o.window_start, ${end} AS window_end FROM millrace_rows r JOIN millrace_opened o ON r.millrace_chain = o.millrace_chain${same} AND r.millrace_at >= o.window_start AND r.millrace_at < o.window_start + ${intervalOf(size)}`
}
