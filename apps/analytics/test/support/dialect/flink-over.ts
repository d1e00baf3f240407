// OVER of Flink SQL: the examples of its pages of over aggregation and deduplication, and values of rows before a row.
import { at, rows, type CaseStream, type DialectCase } from './case.ts'

const Orders: CaseStream = {
  columns: { order_id: 'BIGINT', order_time: 'TIMESTAMP', product: 'VARCHAR', amount: 'BIGINT' },
  records: rows(
    'order_id order_time product amount',
    [1, at('08:00'), 'tea', 5],
    [2, at('08:20'), 'tea', 7],
    [3, at('08:30'), 'milk', 1],
    [4, at('09:00'), 'tea', 2],
    [5, at('09:00'), 'tea', 3],
    [6, at('09:20'), 'tea', 10],
    [7, at('10:30'), 'milk', 4],
  ),
}

const hour =
  "PARTITION BY product ORDER BY order_time RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW"
const streams = { Orders }

export const flinkOver: readonly DialectCase[] = [
  {
    name: 'the sum of the last hour',
    from: 'Flink: Over Aggregation, RANGE',
    streams,
    sql: `INSERT INTO out SELECT order_id, SUM(amount) OVER (${hour})::BIGINT AS one_hour_prod_amount_sum FROM Orders`,
    expected: {
      out: rows(
        'order_id one_hour_prod_amount_sum',
        [1, 5],
        [2, 12],
        [3, 1],
        [4, 17],
        [5, 17],
        [6, 22],
        [7, 4],
      ),
    },
    flink: `SELECT order_id, SUM(amount) OVER (${hour}) AS one_hour_prod_amount_sum FROM Orders`,
  },
  {
    name: 'several values of the last hour',
    from: 'Flink: Over Aggregation, WINDOW',
    streams,
    sql: `INSERT INTO out SELECT order_id, MIN(amount) OVER w AS least, MAX(amount) OVER w AS most, AVG(amount) OVER w AS mean FROM Orders WINDOW w AS (${hour})`,
    expected: {
      out: rows(
        'order_id least most mean',
        [1, 5, 5, 5],
        [2, 5, 7, 6],
        [3, 1, 1, 1],
        [4, 2, 7, 4.25],
        [5, 2, 7, 4.25],
        [6, 2, 10, 5.5],
        [7, 4, 4, 4],
      ),
    },
    flink: `SELECT order_id, MIN(amount) OVER w AS least, MAX(amount) OVER w AS most, AVG(CAST(amount AS DOUBLE)) OVER w AS mean FROM Orders WINDOW w AS (${hour})`,
  },
  {
    name: 'the sum of a row and the two before it',
    from: 'Flink: Over Aggregation, ROWS',
    streams,
    sql: `INSERT INTO out SELECT order_id, SUM(amount) OVER (PARTITION BY product ORDER BY order_time ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)::BIGINT AS total FROM Orders`,
    expected: {
      out: rows('order_id total', [1, 5], [2, 12], [3, 1], [4, 14], [5, 12], [6, 15], [7, 5]),
    },
    flink: `SELECT order_id, SUM(amount) OVER (PARTITION BY product ORDER BY order_time ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS total FROM Orders`,
  },
  {
    name: 'the difference to the row before',
    from: 'Flink: LAG',
    streams,
    sql: `INSERT INTO out SELECT order_id, amount - LAG(amount) OVER (PARTITION BY product ORDER BY order_time) AS difference FROM Orders`,
    expected: {
      out: rows('order_id difference', [1, null], [2, 2], [3, null], [4, -5], [5, 1], [6, 7], [7, 3]),
    },
    // LAG of Flink takes a row of the same time for the one before itself.
    flink: `SELECT order_id, CASE WHEN COUNT(*) OVER w > 1 THEN 2 * amount - SUM(amount) OVER w END AS difference FROM Orders WINDOW w AS (PARTITION BY product ORDER BY order_time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)`,
  },
  {
    name: 'the first row of a product in two hours',
    from: 'Flink: Deduplication, keeping the first row',
    streams,
    sql: `INSERT INTO out SELECT order_id, product FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY order_time RANGE INTERVAL '30' MINUTES PRECEDING) AS row_num FROM Orders) WHERE row_num = 1`,
    // The order of 09:00 has none of its product in the thirty minutes before, but for one that comes at the same time.
    expected: {
      out: rows('order_id product', [1, 'tea'], [3, 'milk'], [4, 'tea'], [7, 'milk']),
    },
    flink: null,
  },
  {
    name: 'values of the first and the last row of a range',
    from: 'Flink: FIRST_VALUE and LAST_VALUE',
    streams,
    sql: `INSERT INTO out SELECT order_id, FIRST_VALUE(amount) OVER w AS first, LAST_VALUE(amount) OVER w AS last, COUNT(*) OVER w AS orders FROM Orders WHERE product = 'tea' WINDOW w AS (${hour})`,
    expected: {
      out: rows(
        'order_id first last orders',
        [1, 5, 5, 1],
        [2, 5, 7, 2],
        [4, 5, 3, 4],
        [5, 5, 3, 4],
        [6, 7, 10, 4],
      ),
    },
  },
  {
    name: 'the mean of the counts of windows',
    from: 'Flink: Over Aggregation, over window_time',
    streams,
    sql: `INSERT INTO out SELECT window_end, orders, AVG(orders) OVER (ORDER BY window_time RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) AS mean FROM (SELECT window_end, window_time, COUNT(*) AS orders FROM TABLE(TUMBLE(TABLE Orders, DESCRIPTOR(order_time), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, window_time)`,
    expected: {
      out: rows('window_end orders mean', [at('09:00'), 3, 3], [at('10:00'), 3, 3], [at('11:00'), 1, 2]),
    },
    flink: `SELECT window_end, orders, AVG(CAST(orders AS DOUBLE)) OVER (ORDER BY window_time RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) AS mean FROM (SELECT window_end, window_time, COUNT(*) AS orders FROM TABLE(TUMBLE(TABLE Orders, DESCRIPTOR(order_time), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, window_time)`,
  },
]
