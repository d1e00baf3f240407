// Questions over many rows that Flink SQL and Millrace are both asked: windows, OVER, joins, over orders and their payments that come out of order.
import { randomOf } from '../../../../test/support/random.ts'
import { at, rows, type CaseRecord, type CaseStream } from '../support/dialect/case.ts'

/** Asked as it stands, but for `flink`: the SELECT where Flink writes it differently. */
interface FlinkCase {
  readonly name: string
  readonly sql: string
  readonly flink?: string
}

/** A question to which the two give different answers. */
interface FlinkDifference {
  readonly name: string
  readonly sql: string
  readonly ours: readonly CaseRecord[]
  /** Its rows, or a part of the reason why it refuses the question. */
  readonly theirs: readonly CaseRecord[] | string
}

/** By how much rows come late at most. */
export const OUT_OF_ORDER_MS = 60_000

const ORDERS = 20_000
const PAYMENTS = 12_000
const HOURS_MS = 6 * 3_600_000
const LATEST_PAYMENT_MS = 90 * 60_000

/** The streams of a seed: rows in the order in which they come, up to a minute behind others; some values are missing. */
export function ordersAndPayments(seed: number): Readonly<Record<string, CaseStream>> {
  const random = randomOf(seed)
  const begin = Date.parse(at('08:00'))
  const inOrderOfComing = (rows: readonly { readonly ms: number; readonly row: CaseRecord }[]) =>
    rows
      .map(({ ms, row }) => ({ comes: ms + random.below(OUT_OF_ORDER_MS), row }))
      .sort((a, b) => a.comes - b.comes)
      .map(({ row }) => row)
  const ts = (ms: number) => new Date(begin + ms).toISOString()
  const orders = Array.from({ length: ORDERS }, (_, id) => {
    const ms = random.below(HOURS_MS)
    const user = `user-${Math.floor(40 * random.next() ** 2)}`
    const amount = random.below(10) === 0 ? null : 1 + random.below(100)
    const price = random.below(10_000) / 100
    return {
      ms,
      row: { id, ts: ts(ms), user_id: user, product: `product-${random.below(12)}`, amount, price },
    }
  })
  const payments = Array.from({ length: PAYMENTS }, () => {
    const { ms, row } = random.pick(orders)
    const paid = ms + random.below(LATEST_PAYMENT_MS)
    const order = random.below(20) === 0 ? ORDERS + random.below(100) : row.id
    return { ms: paid, row: { order_id: order, ts: ts(paid), means: random.pick(['card', 'cash']) } }
  })
  return {
    orders: {
      columns: {
        id: 'BIGINT',
        ts: 'TIMESTAMP',
        user_id: 'VARCHAR',
        product: 'VARCHAR',
        amount: 'BIGINT',
        price: 'DECIMAL(10, 2)',
      },
      records: inOrderOfComing(orders),
    },
    payments: {
      columns: { order_id: 'BIGINT', ts: 'TIMESTAMP', means: 'VARCHAR' },
      records: inOrderOfComing(payments),
    },
  }
}

const tumble = (minutes: number, table = 'orders') =>
  `TABLE(TUMBLE(TABLE ${table}, DESCRIPTOR(ts), INTERVAL '${minutes}' MINUTES))`
const windows = 'window_start, window_end'
const range = `PARTITION BY user_id ORDER BY ts RANGE BETWEEN INTERVAL '10' MINUTES PRECEDING AND CURRENT ROW`
const tenRows = 'PARTITION BY user_id ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW'
const paidInAnHour = "p.order_id = o.id AND p.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR"
const counts = (table: string, key: string) =>
  `(SELECT ${windows}, ${key}, COUNT(*) AS n FROM ${tumble(5, table)} GROUP BY ${windows}, ${key})`

export const flinkCases: readonly FlinkCase[] = [
  {
    name: 'TUMBLE: counts, sums, distinct users and filters by product',
    sql: `SELECT ${windows}, product, COUNT(*) AS orders_, COUNT(amount) AS amounts, SUM(price) AS total, MIN(amount) AS least, COUNT(DISTINCT user_id) AS users, COUNT(*) FILTER (WHERE amount > 50) AS above FROM ${tumble(5)} GROUP BY ${windows}, product`,
  },
  {
    name: 'HOP: sliding means by user',
    sql: `SELECT ${windows}, user_id, COUNT(*) AS n, AVG(CAST(amount AS DOUBLE)) AS mean FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES)) GROUP BY ${windows}, user_id`,
  },
  {
    name: 'CUMULATE: how the sums of an hour grow',
    sql: `SELECT ${windows}, product, SUM(price) AS total, COUNT(DISTINCT user_id) AS users FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '1' HOUR)) GROUP BY ${windows}, product`,
  },
  {
    name: 'SESSION: visits of each user',
    sql: `SELECT user_id, ${windows}, COUNT(*) AS n, SUM(price) AS total FROM TABLE(SESSION(TABLE orders PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '2' MINUTES)) GROUP BY user_id, ${windows}`,
  },
  {
    name: 'OVER a range: the last ten minutes of each user',
    sql: `SELECT id, COUNT(*) OVER w AS n, CAST(SUM(amount) OVER w AS BIGINT) AS total, MAX(price) OVER w AS dearest FROM orders WINDOW w AS (${range})`,
  },
  {
    name: 'OVER rows: the last ten of each user',
    sql: `SELECT id, SUM(price) OVER w AS total, MIN(amount) OVER w AS least FROM orders WINDOW w AS (${tenRows})`,
  },
  {
    name: 'an interval join: payments within an hour',
    sql: `SELECT o.id, p.means, p.ts AS paid_at FROM orders o JOIN payments p ON ${paidInAnHour}`,
  },
  {
    name: 'an outer interval join: orders, with their payments within an hour',
    sql: `SELECT o.id, o.user_id, p.means FROM orders o LEFT JOIN payments p ON ${paidInAnHour}`,
  },
  {
    name: 'Top-3: the users with the highest sums of each window',
    sql: `SELECT ${windows}, user_id, total, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${windows} ORDER BY total DESC, user_id) AS place FROM (SELECT ${windows}, user_id, SUM(price) AS total FROM ${tumble(10)} GROUP BY ${windows}, user_id)) WHERE place <= 3`,
  },
  {
    name: 'deduplication: the last order of each user in each window',
    sql: `SELECT ${windows}, user_id, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${windows}, user_id ORDER BY ts DESC) AS place FROM ${tumble(5)}) WHERE place = 1`,
  },
  {
    name: 'a window join: orders and payments of the same window',
    sql: `SELECT o.id, p.means, o.window_start FROM (SELECT * FROM ${tumble(5)}) o JOIN (SELECT * FROM ${tumble(5, 'payments')}) p ON o.id = p.order_id AND o.window_start = p.window_start AND o.window_end = p.window_end`,
  },
  {
    name: 'a full window join: counts by window of both, with those that have no other',
    sql: `SELECT COALESCE(o.window_start, p.window_start) AS begin_, o.user_id, o.n AS orders_, p.n AS paid FROM (SELECT * FROM ${counts('orders', 'user_id')} WHERE n > 2) o FULL JOIN (SELECT * FROM ${counts('payments', 'means')} WHERE n > 60) p ON o.n = p.n AND o.window_start = p.window_start AND o.window_end = p.window_end`,
  },
  {
    name: 'anti window join: orders that were not paid in their window',
    sql: `SELECT o.id, o.window_start FROM (SELECT * FROM ${tumble(10)}) o WHERE NOT EXISTS (SELECT 1 FROM (SELECT * FROM ${tumble(10, 'payments')}) p WHERE p.order_id = o.id AND o.window_start = p.window_start AND o.window_end = p.window_end)`,
  },
  {
    name: 'windows of windows: the most that a minute of each five had',
    sql: `WITH minutes AS (SELECT window_start AS minute_, window_end AS minute_end, window_time AS ts, product, COUNT(*) AS n FROM ${tumble(1)} GROUP BY window_start, window_end, window_time, product) SELECT ${windows}, product, MAX(n) AS most, CAST(SUM(n) AS BIGINT) AS n FROM ${tumble(5, 'minutes')} GROUP BY ${windows}, product`,
  },
  {
    name: 'CUBE: sums by user, by product, by both and of all',
    sql: `SELECT ${windows}, user_id, product, SUM(price) AS total FROM ${tumble(60)} GROUP BY ${windows}, CUBE (user_id, product)`,
  },
  {
    name: 'two streams in one window',
    sql: `WITH both_ AS (SELECT ts, id, 'order' AS kind FROM orders UNION ALL SELECT ts, order_id, means FROM payments) SELECT ${windows}, kind, COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM ${tumble(5, 'both_')} GROUP BY ${windows}, kind`,
  },
]

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
const windowsOf = (table: string, condition: string) =>
  `(SELECT * FROM ${tumble(5, 'orders')} WHERE ${condition}) ${table}`

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
    name: 'bounds of a row without a match in a full join of windows',
    sql: `SELECT o.id, o.window_start AS begin_, p.window_start AS other FROM ${windowsOf('o', 'amount > 4')} FULL JOIN ${windowsOf('p', 'amount < 4')} ON o.id = p.id AND o.window_start = p.window_start AND o.window_end = p.window_end`,
    ours: rows('id begin_ other', [1, at('08:00'), null], [null, null, at('08:10')]),
    theirs: rows('id begin_ other', [1, at('08:00'), null], [null, null, at('08:10')]),
  },
  {
    name: 'several OVERs of different frames in one SELECT',
    sql: `SELECT id, COUNT(*) OVER (${hour}) AS n, COUNT(*) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '5' MINUTES PRECEDING AND CURRENT ROW) AS fewer FROM orders`,
    ours: rows('id n fewer', [1, 1, 1], [2, 3, 2], [3, 3, 2]),
    theirs: 'OVER',
  },
]

/** The stream of these. */
export const differenceStreams = { orders: Orders }
