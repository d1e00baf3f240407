// Questions to which Flink SQL and Millrace give different answers, as the documents say.
import { at, rows, type CaseRecord, type CaseStream } from '../support/dialect/case.ts'

/** A question to which the two give different answers. */
interface FlinkDifference {
  readonly name: string
  readonly sql: string
  readonly ours: readonly CaseRecord[]
  /** Its rows, or a part of the reason why it refuses the question. */
  readonly theirs: readonly CaseRecord[] | string
}

const Orders: CaseStream = {
  columns: { id: 'BIGINT', ts: 'TIMESTAMP', amount: 'BIGINT', price: 'DECIMAL(10, 2)' },
  records: rows(
    'id ts amount price',
    [1, at('08:00'), 5, 2.5],
    [2, at('08:10'), 2, 1],
    [3, at('08:10'), 4, 1],
  ),
}
const hour = "ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW"

/** What the two answer otherwise, and why. */
export const flinkDifferences: readonly FlinkDifference[] = [
  {
    name: 'means of integers are integers in Flink',
    sql: `SELECT id, AVG(amount) OVER (${hour}) AS mean FROM orders`,
    ours: rows('id mean', [1, 5], [2, 11 / 3], [3, 11 / 3]),
    theirs: rows('id mean', [1, 5], [2, 3], [3, 3]),
  },
  {
    name: 'means of decimal numbers are decimal numbers in Flink',
    sql: `SELECT id, AVG(price) OVER (${hour}) AS mean FROM orders`,
    ours: rows('id mean', [1, 2.5], [2, 1.5], [3, 1.5]),
    theirs: rows('id mean', [1, '2.500000'], [2, '1.500000'], [3, '1.500000']),
  },
  {
    name: 'a division of integers is an integer in Flink',
    sql: 'SELECT id, amount / 2 AS half FROM orders',
    ours: rows('id half', [1, 2.5], [2, 1], [3, 2]),
    theirs: rows('id half', [1, 2], [2, 1], [3, 2]),
  },
  {
    name: 'LAG in Flink counts rows of the same time before it looks back',
    sql: 'SELECT id, LAG(amount) OVER (ORDER BY ts) AS before_ FROM orders',
    ours: rows('id before_', [1, null], [2, 5], [3, 2]),
    theirs: rows('id before_', [1, null], [2, 2], [3, 2]),
  },
  {
    name: 'several OVERs of different frames in one SELECT',
    sql: `SELECT id, COUNT(*) OVER (${hour}) AS n, COUNT(*) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '5' MINUTES PRECEDING AND CURRENT ROW) AS fewer FROM orders`,
    ours: rows('id n fewer', [1, 1, 1], [2, 3, 2], [3, 3, 2]),
    theirs: 'OVER',
  },
  {
    name: 'RANK in windows',
    sql: `SELECT id, place FROM (SELECT *, RANK() OVER (PARTITION BY window_start, window_end ORDER BY price) AS place FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' HOUR))) WHERE place <= 1`,
    ours: rows('id place', [2, 1], [3, 1]),
    theirs: 'RANK() function is not supported on Window TopN',
  },
]

/** The stream of these. */
export const differenceStreams = { orders: Orders }
