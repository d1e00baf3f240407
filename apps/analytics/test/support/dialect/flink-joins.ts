// Joins of Flink SQL: the examples of its pages of window joins, interval joins and set operations.
import { at, rows, type CaseStream, type DialectCase } from './case.ts'

const columns = { row_time: 'TIMESTAMP', num: 'BIGINT', id: 'VARCHAR' }
const fields = 'row_time num id'

const windowed = {
  streams: {
    LeftTable: {
      columns,
      records: rows(fields, [at('12:02'), 1, 'L1'], [at('12:06'), 2, 'L2'], [at('12:03'), 3, 'L3']),
    },
    RightTable: {
      columns,
      records: rows(fields, [at('12:01'), 2, 'R2'], [at('12:04'), 3, 'R3'], [at('12:05'), 4, 'R4']),
    },
  },
}

const L = `(SELECT * FROM TABLE(TUMBLE(TABLE LeftTable, DESCRIPTOR(row_time), INTERVAL '5' MINUTES))) L`
const R = `(SELECT * FROM TABLE(TUMBLE(TABLE RightTable, DESCRIPTOR(row_time), INTERVAL '5' MINUTES))) R`
const sameWindow = 'L.window_start = R.window_start AND L.window_end = R.window_end'
const semi = rows('row_time num id window_start', [at('12:03'), 3, 'L3', at('12:00')])
const anti = rows(
  'row_time num id window_start',
  [at('12:02'), 1, 'L1', at('12:00')],
  [at('12:06'), 2, 'L2', at('12:05')],
)
const ofL = 'L.row_time, L.num, L.id, L.window_start'

const orders: CaseStream = {
  columns: { id: 'BIGINT', order_time: 'TIMESTAMP' },
  records: rows(
    'id order_time',
    [1, at('08:00')],
    [2, at('08:30')],
    [3, at('09:00')],
    [4, at('09:30')],
    [2, at('13:00')],
  ),
}
const shipments: CaseStream = {
  columns: { order_id: 'BIGINT', ship_time: 'TIMESTAMP', carrier: 'VARCHAR' },
  records: rows(
    'order_id ship_time carrier',
    [1, at('09:00'), 'north'],
    [2, at('12:30'), 'south'],
    [3, at('13:01'), 'north'],
    [1, at('11:59'), 'south'],
  ),
}
const payments: CaseStream = {
  columns: { order_id: 'BIGINT', pay_time: 'TIMESTAMP', amount: 'BIGINT' },
  records: rows('order_id pay_time amount', [1, at('08:10'), 50], [2, at('10:00'), 70], [4, at('09:31'), 5]),
}
const within = "o.order_time BETWEEN s.ship_time - INTERVAL '4' HOUR AND s.ship_time"
const later = "s.ship_time BETWEEN o.order_time AND o.order_time + INTERVAL '4' HOUR"

export const flinkJoins: readonly DialectCase[] = [
  {
    name: 'a full join of windows',
    from: 'Flink: Window Join, FULL OUTER',
    ...windowed,
    sql: `INSERT INTO out SELECT L.num AS L_Num, L.id AS L_Id, R.num AS R_Num, R.id AS R_Id, COALESCE(L.window_start, R.window_start) AS window_start, COALESCE(L.window_end, R.window_end) AS window_end FROM ${L} FULL JOIN ${R} ON L.num = R.num AND ${sameWindow}`,
    expected: {
      out: rows(
        'L_Num L_Id R_Num R_Id window_start window_end',
        [1, 'L1', null, null, at('12:00'), at('12:05')],
        [null, null, 2, 'R2', at('12:00'), at('12:05')],
        [3, 'L3', 3, 'R3', at('12:00'), at('12:05')],
        [2, 'L2', null, null, at('12:05'), at('12:10')],
        [null, null, 4, 'R4', at('12:05'), at('12:10')],
      ),
    },
  },
  {
    name: 'rows whose number is in the same window of the other stream',
    from: 'Flink: Window Join, SEMI, IN',
    ...windowed,
    sql: `INSERT INTO out SELECT ${ofL} FROM ${L} WHERE L.num IN (SELECT num FROM ${R} WHERE ${sameWindow})`,
    expected: { out: semi },
  },
  {
    name: 'rows that have another in the same window',
    from: 'Flink: Window Join, SEMI, EXISTS',
    ...windowed,
    sql: `INSERT INTO out SELECT ${ofL} FROM ${L} WHERE EXISTS (SELECT * FROM ${R} WHERE L.num = R.num AND ${sameWindow})`,
    expected: { out: semi },
  },
  {
    name: 'rows whose number is not in the same window',
    from: 'Flink: Window Join, ANTI, NOT IN',
    ...windowed,
    sql: `INSERT INTO out SELECT ${ofL} FROM ${L} WHERE L.num NOT IN (SELECT num FROM ${R} WHERE ${sameWindow})`,
    expected: { out: anti },
  },
  {
    name: 'rows that have no other in the same window',
    from: 'Flink: Window Join, ANTI, NOT EXISTS',
    ...windowed,
    sql: `INSERT INTO out SELECT ${ofL} FROM ${L} WHERE NOT EXISTS (SELECT * FROM ${R} WHERE L.num = R.num AND ${sameWindow})`,
    expected: { out: anti },
  },
  {
    name: 'a left join of counts by window',
    from: 'Flink: Window Join, of window aggregations',
    ...windowed,
    sql: `INSERT INTO out SELECT L.window_start, L.n AS lefts, R.n AS rights FROM (SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE LeftTable, DESCRIPTOR(row_time), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end) L LEFT JOIN (SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE RightTable, DESCRIPTOR(row_time), INTERVAL '1' MINUTE)) WHERE num < 4 OR num = 4 GROUP BY window_start, window_end) R ON ${sameWindow}`,
    expected: {
      out: rows(
        'window_start lefts rights',
        [at('12:02'), 1, null],
        [at('12:03'), 1, null],
        [at('12:06'), 1, null],
      ),
    },
  },
  {
    name: 'orders that were shipped within four hours',
    from: 'Flink: Joins, Interval Joins',
    streams: { Orders: orders, Shipments: shipments },
    sql: `INSERT INTO out SELECT o.id, o.order_time, s.ship_time FROM Orders o, Shipments s WHERE o.id = s.order_id AND ${within}`,
    expected: {
      out: rows(
        'id order_time ship_time',
        [1, at('08:00'), at('09:00')],
        [1, at('08:00'), at('11:59')],
        [2, at('08:30'), at('12:30')],
      ),
    },
  },
  {
    name: 'orders with their shipments, if there are any within four hours',
    from: 'Flink: Joins, Interval Joins, LEFT',
    streams: { Orders: orders, Shipments: shipments },
    sql: `INSERT INTO out SELECT o.id, o.order_time, s.carrier FROM Orders o LEFT JOIN Shipments s ON o.id = s.order_id AND ${later}`,
    expected: {
      out: rows(
        'id order_time carrier',
        [1, at('08:00'), 'north'],
        [1, at('08:00'), 'south'],
        [2, at('08:30'), 'south'],
        [3, at('09:00'), null],
        [4, at('09:30'), null],
        [2, at('13:00'), null],
      ),
    },
  },
  {
    name: 'orders, payments and shipments together',
    from: 'Flink: Joins, Interval Joins, three streams',
    streams: { Orders: orders, Payments: payments, Shipments: shipments },
    sql: `INSERT INTO out SELECT o.id, p.amount, s.carrier FROM Orders o JOIN Payments p ON p.order_id = o.id AND p.pay_time BETWEEN o.order_time AND o.order_time + INTERVAL '2' HOUR JOIN Shipments s ON s.order_id = o.id AND ${later}`,
    expected: {
      out: rows('id amount carrier', [1, 50, 'north'], [1, 50, 'south'], [2, 70, 'south']),
    },
  },
  {
    name: 'orders that were not shipped within four hours',
    from: 'Flink: Joins, anti join',
    streams: { Orders: orders, Shipments: shipments },
    sql: `INSERT INTO out SELECT o.id, o.order_time FROM Orders o WHERE NOT EXISTS (SELECT 1 FROM Shipments s WHERE s.order_id = o.id AND ${later})`,
    expected: {
      out: rows('id order_time', [3, at('09:00')], [4, at('09:30')], [2, at('13:00')]),
    },
    flink: `SELECT o.id, o.order_time FROM Orders o LEFT JOIN Shipments s ON o.id = s.order_id AND ${later} WHERE s.order_id IS NULL`,
  },
  {
    name: 'orders that were paid within an hour',
    from: 'Flink: Joins, semi join',
    streams: { Orders: orders, Payments: payments },
    sql: `INSERT INTO out SELECT o.id FROM Orders o WHERE o.id IN (SELECT p.order_id FROM Payments p WHERE p.pay_time BETWEEN o.order_time AND o.order_time + INTERVAL '1' HOUR)`,
    expected: { out: rows('id', [1], [4]) },
    flink: `SELECT DISTINCT o.id FROM Orders o JOIN Payments p ON p.order_id = o.id AND p.pay_time BETWEEN o.order_time AND o.order_time + INTERVAL '1' HOUR`,
  },
  {
    name: 'rows of two streams, one after the other',
    from: 'Flink: Set Operations, UNION ALL',
    streams: { Orders: orders, Payments: payments },
    sql: `INSERT INTO out SELECT id, 'order' AS kind FROM Orders WHERE id > 2 UNION ALL SELECT order_id, 'payment' FROM Payments WHERE amount > 40`,
    expected: {
      out: rows('id kind', [3, 'order'], [4, 'order'], [1, 'payment'], [2, 'payment']),
    },
  },
  {
    name: 'windows of two streams together',
    from: 'Flink: Set Operations, UNION ALL below a window TVF',
    streams: { Orders: orders, Payments: payments },
    sql: `INSERT INTO out WITH moves AS (SELECT order_time AS ts, id FROM Orders UNION ALL SELECT pay_time, order_id FROM Payments) SELECT window_start, COUNT(*) AS moves, COUNT(DISTINCT id) AS ids FROM TABLE(TUMBLE(TABLE moves, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end`,
    expected: {
      out: rows(
        'window_start moves ids',
        [at('08:00'), 3, 2],
        [at('09:00'), 3, 2],
        [at('10:00'), 1, 1],
        [at('13:00'), 1, 1],
      ),
    },
  },
]
