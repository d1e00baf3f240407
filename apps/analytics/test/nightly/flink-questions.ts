// Questions over many rows that Flink SQL and Millrace are both asked: windows, OVER, joins, over orders and their payments that come out of order.

/** Both are asked the same text. */
interface FlinkCase {
  readonly name: string
  readonly sql: string
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
  {
    name: 'a right interval join: payments, with their orders of the hour before',
    sql: `SELECT o.id, o.user_id, p.order_id, p.means FROM orders o RIGHT JOIN payments p ON ${paidInAnHour}`,
  },
  {
    name: 'a full interval join: both, with those that have no other',
    sql: `SELECT o.id, o.user_id, p.order_id, p.means FROM orders o FULL JOIN payments p ON ${paidInAnHour}`,
  },
  {
    name: 'an interval join that looks both ways',
    sql: `SELECT o.id, p.ts AS paid_at FROM orders o JOIN payments p ON p.order_id = o.id AND o.ts BETWEEN p.ts - INTERVAL '20' MINUTES AND p.ts + INTERVAL '5' MINUTES WHERE o.amount > 20`,
  },
  {
    name: 'an interval join with bounds that do not count',
    sql: `SELECT o.id, p.ts AS paid_at FROM orders o JOIN payments p ON p.order_id = o.id AND p.ts > o.ts + INTERVAL '10' MINUTES AND p.ts < o.ts + INTERVAL '20' MINUTES`,
  },
  {
    name: 'windows of an interval join',
    sql: `WITH pairs AS (SELECT p.ts AS ts, o.user_id AS user_id, o.price AS price FROM orders o JOIN payments p ON ${paidInAnHour}) SELECT ${windows}, user_id, COUNT(*) AS n, SUM(price) AS total FROM ${tumble(10, 'pairs')} GROUP BY ${windows}, user_id`,
  },
  {
    name: 'a window join of HOP',
    sql: `SELECT o.id, p.means, o.window_start FROM (SELECT * FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES))) o JOIN (SELECT * FROM TABLE(HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES))) p ON o.id = p.order_id AND o.window_start = p.window_start AND o.window_end = p.window_end`,
  },
  {
    name: 'a left window join of CUMULATE',
    sql: `SELECT o.id, p.means, o.window_start, o.window_end FROM (SELECT * FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '30' MINUTES)) WHERE amount > 90) o LEFT JOIN (SELECT * FROM TABLE(CUMULATE(TABLE payments, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '30' MINUTES))) p ON o.id = p.order_id AND o.window_start = p.window_start AND o.window_end = p.window_end`,
  },
  {
    name: 'semi window join: orders that were paid in their window',
    sql: `SELECT o.id, o.window_start FROM (SELECT * FROM ${tumble(10)}) o WHERE o.id IN (SELECT order_id FROM (SELECT * FROM ${tumble(10, 'payments')}) p WHERE o.window_start = p.window_start AND o.window_end = p.window_end)`,
  },
  {
    name: 'NOT IN a window with values that are missing',
    sql: `SELECT o.id, o.window_start FROM (SELECT * FROM ${tumble(1)}) o WHERE o.amount NOT IN (SELECT amount FROM (SELECT * FROM ${tumble(1)} WHERE user_id = 'user-3') p WHERE o.window_start = p.window_start AND o.window_end = p.window_end)`,
  },
  {
    name: 'IN a window with values that are missing',
    sql: `SELECT o.id, o.window_start FROM (SELECT * FROM ${tumble(1)}) o WHERE o.amount IN (SELECT amount FROM (SELECT * FROM ${tumble(1)} WHERE user_id = 'user-3') p WHERE o.window_start = p.window_start AND o.window_end = p.window_end)`,
  },
  {
    name: 'Top-4: the orders with the highest amounts of each window',
    sql: `SELECT ${windows}, id, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${windows} ORDER BY amount DESC, id) AS place FROM ${tumble(5)} WHERE amount IS NOT NULL) WHERE place <= 4`,
  },
  {
    name: 'Top-2 of CUMULATE: the products with the most orders so far',
    sql: `SELECT ${windows}, product, n, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${windows} ORDER BY n DESC, product) AS place FROM (SELECT ${windows}, product, COUNT(*) AS n FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '1' HOUR)) GROUP BY ${windows}, product)) WHERE place <= 2`,
  },
  {
    name: 'Top-2 of HOP: the products with the most orders of an hour',
    sql: `SELECT ${windows}, product, n, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${windows} ORDER BY n DESC, product) AS place FROM (SELECT ${windows}, product, COUNT(*) AS n FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '1' HOUR)) GROUP BY ${windows}, product)) WHERE place <= 2`,
  },
  {
    name: 'SESSION: sums and distinct users of each product',
    sql: `SELECT product, ${windows}, COUNT(*) AS n, CAST(SUM(amount) AS BIGINT) AS total, COUNT(DISTINCT user_id) AS users, MIN(ts) AS first_ FROM TABLE(SESSION(TABLE orders PARTITION BY product, DESCRIPTOR(ts), INTERVAL '30' SECONDS)) GROUP BY product, ${windows}`,
  },
  {
    name: 'SESSION without a key',
    sql: `SELECT ${windows}, COUNT(*) AS n FROM TABLE(SESSION(TABLE orders, DESCRIPTOR(ts), INTERVAL '4' SECONDS)) GROUP BY ${windows}`,
  },
  {
    name: 'OVER windows: the counts of the last twenty minutes',
    sql: `SELECT ts, product, n, CAST(SUM(n) OVER (PARTITION BY product ORDER BY ts RANGE BETWEEN INTERVAL '20' MINUTES PRECEDING AND CURRENT ROW) AS BIGINT) AS hour_ FROM (SELECT window_time AS ts, product, COUNT(*) AS n FROM ${tumble(5)} GROUP BY ${windows}, window_time, product)`,
  },
  {
    name: 'OVER a range: its first and last order',
    sql: `SELECT id, FIRST_VALUE(id) OVER w AS first_, LAST_VALUE(id) OVER w AS last_, COUNT(amount) OVER w AS n FROM orders WINDOW w AS (${range})`,
  },
  {
    name: 'OVER a range without a key',
    sql: `SELECT id, COUNT(*) OVER w AS n, MIN(price) OVER w AS least FROM orders WINDOW w AS (ORDER BY ts RANGE BETWEEN INTERVAL '30' SECONDS PRECEDING AND CURRENT ROW)`,
  },
  {
    name: 'an interval join of three: orders that were paid twice',
    sql: `SELECT o.id, p.means, q.ts AS again FROM orders o JOIN payments p ON ${paidInAnHour} JOIN payments q ON q.order_id = o.id AND q.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR WHERE p.ts < q.ts`,
  },
  {
    name: 'TUMBLE with an offset: days that begin at eight',
    sql: `SELECT ${windows}, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' DAY, INTERVAL '8' HOURS)) GROUP BY ${windows}`,
  },
  {
    name: 'HOP: few rows of many windows',
    sql: `SELECT ${windows}, COUNT(*) AS n, COUNT(DISTINCT product) AS products FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '2' MINUTES, INTERVAL '6' MINUTES)) WHERE amount > 95 GROUP BY ${windows}`,
  },
  {
    name: 'TUMBLE of seconds, with HAVING',
    sql: `SELECT ${windows}, COUNT(*) AS n, COUNT(DISTINCT product) AS products FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY ${windows} HAVING COUNT(*) > 3`,
  },
  {
    name: 'TUMBLE: deviations and variances',
    sql: `SELECT ${windows}, user_id, STDDEV_POP(CAST(amount AS DOUBLE)) AS spread, VAR_SAMP(CAST(amount AS DOUBLE)) AS variance FROM ${tumble(30)} GROUP BY ${windows}, user_id HAVING COUNT(amount) > 2`,
  },
  {
    name: 'rows: functions, CASE and conditions',
    sql: `SELECT id, UPPER(product) AS product, COALESCE(amount, 0) AS amount, CASE WHEN price > 50 THEN 'more' ELSE 'less' END AS kind, MOD(id, 7) AS rest, ABS(amount - 50) AS off, SUBSTRING(user_id, 6) AS who, user_id || '/' || product AS path_ FROM orders WHERE product LIKE '%1%' AND price > 80`,
  },
  {
    name: 'rows: parts of times, and rounding',
    sql: `SELECT id, EXTRACT(HOUR FROM ts) AS h, EXTRACT(MINUTE FROM ts) AS m, FLOOR(price) AS whole, ROUND(price, 1) AS near FROM orders WHERE amount > 97`,
  },
  { name: 'DISTINCT in windows', sql: `SELECT DISTINCT ${windows}, product FROM ${tumble(1)}` },
  {
    name: 'deduplication: the first order of each product in each window of HOP',
    sql: `SELECT window_start, product, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${windows}, product ORDER BY ts) AS place FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES))) WHERE place = 1`,
  },
]
