// Windows of Flink SQL: the examples of its pages of window TVFs, window aggregation, window Top-N and window deduplication.
import { at, rows, type CaseStream, type DialectCase } from './case.ts'

const columns = { bidtime: 'TIMESTAMP', price: 'DECIMAL(10, 2)', item: 'VARCHAR', supplier_id: 'VARCHAR' }
const bid = 'bidtime price item supplier_id'

const Bid: CaseStream = {
  columns,
  records: rows(
    bid,
    [at('08:05'), 4, 'C', 'supplier1'],
    [at('08:07'), 2, 'A', 'supplier1'],
    [at('08:09'), 5, 'D', 'supplier2'],
    [at('08:11'), 3, 'B', 'supplier2'],
    [at('08:13'), 1, 'E', 'supplier1'],
    [at('08:17'), 6, 'F', 'supplier2'],
  ),
}

/** Those of the pages of window Top-N and window deduplication. */
const Bid9: CaseStream = {
  columns,
  records: rows(
    bid,
    [at('08:05'), 4, 'A', 'supplier1'],
    [at('08:06'), 4, 'C', 'supplier2'],
    [at('08:07'), 2, 'G', 'supplier1'],
    [at('08:08'), 2, 'B', 'supplier3'],
    [at('08:09'), 5, 'D', 'supplier4'],
    [at('08:11'), 2, 'B', 'supplier3'],
    [at('08:13'), 1, 'E', 'supplier1'],
    [at('08:15'), 3, 'H', 'supplier2'],
    [at('08:17'), 6, 'F', 'supplier5'],
  ),
}

const tumble = "TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES))"
const [first, second] = [
  [at('08:00'), at('08:10')],
  [at('08:10'), at('08:20')],
] as const

const bySupplier = rows(
  'window_start window_end supplier_id price',
  [...first, null, '11.00'],
  [...first, 'supplier2', '5.00'],
  [...first, 'supplier1', '6.00'],
  [...second, null, '10.00'],
  [...second, 'supplier2', '9.00'],
  [...second, 'supplier1', '1.00'],
)

const inFlink = { streams: { Bid } }

export const flinkWindows: readonly DialectCase[] = [
  {
    name: 'TUMBLE gives rows their window',
    from: 'Flink: Windowing TVF, TUMBLE',
    ...inFlink,
    sql: `INSERT INTO out SELECT bidtime, price, item, window_start, window_end, window_time FROM TABLE(TUMBLE(DATA => TABLE Bid, TIMECOL => DESCRIPTOR(bidtime), SIZE => INTERVAL '10' MINUTES))`,
    expected: {
      out: rows(
        'bidtime price item window_start window_end window_time',
        [at('08:05'), '4.00', 'C', ...first, at('08:09:59.999')],
        [at('08:07'), '2.00', 'A', ...first, at('08:09:59.999')],
        [at('08:09'), '5.00', 'D', ...first, at('08:09:59.999')],
        [at('08:11'), '3.00', 'B', ...second, at('08:19:59.999')],
        [at('08:13'), '1.00', 'E', ...second, at('08:19:59.999')],
        [at('08:17'), '6.00', 'F', ...second, at('08:19:59.999')],
      ),
    },
  },
  {
    name: 'HOP gives rows all of their windows',
    from: 'Flink: Windowing TVF, HOP',
    ...inFlink,
    sql: `INSERT INTO out SELECT item, window_start, window_end FROM TABLE(HOP(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES))`,
    expected: {
      out: rows(
        'item window_start window_end',
        ['C', at('08:00'), at('08:10')],
        ['C', at('08:05'), at('08:15')],
        ['A', at('08:00'), at('08:10')],
        ['A', at('08:05'), at('08:15')],
        ['D', at('08:00'), at('08:10')],
        ['D', at('08:05'), at('08:15')],
        ['B', at('08:05'), at('08:15')],
        ['B', at('08:10'), at('08:20')],
        ['E', at('08:05'), at('08:15')],
        ['E', at('08:10'), at('08:20')],
        ['F', at('08:10'), at('08:20')],
        ['F', at('08:15'), at('08:25')],
      ),
    },
  },
  {
    name: 'sums of TUMBLE',
    from: 'Flink: Window Aggregation, tumbling',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, window_end, SUM(price) AS price FROM ${tumble} GROUP BY window_start, window_end`,
    expected: { out: rows('window_start window_end price', [...first, '11.00'], [...second, '10.00']) },
  },
  {
    name: 'sums of HOP',
    from: 'Flink: Window Aggregation, hopping',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, window_end, SUM(price) AS price FROM TABLE(HOP(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES)) GROUP BY window_start, window_end`,
    expected: {
      out: rows(
        'window_start window_end price',
        [at('08:00'), at('08:10'), '11.00'],
        [at('08:05'), at('08:15'), '15.00'],
        [at('08:10'), at('08:20'), '10.00'],
        [at('08:15'), at('08:25'), '6.00'],
      ),
    },
  },
  {
    name: 'sums of CUMULATE',
    from: 'Flink: Window Aggregation, cumulative',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, window_end, SUM(price) AS price FROM TABLE(CUMULATE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES)) GROUP BY window_start, window_end`,
    expected: {
      out: rows(
        'window_start window_end price',
        [at('08:00'), at('08:06'), '4.00'],
        [at('08:00'), at('08:08'), '6.00'],
        [at('08:00'), at('08:10'), '11.00'],
        [at('08:10'), at('08:12'), '3.00'],
        [at('08:10'), at('08:14'), '4.00'],
        [at('08:10'), at('08:16'), '4.00'],
        [at('08:10'), at('08:18'), '10.00'],
        [at('08:10'), at('08:20'), '10.00'],
      ),
    },
  },
  {
    name: 'GROUPING SETS',
    from: 'Flink: Window Aggregation, GROUPING SETS',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, window_end, supplier_id, SUM(price) AS price FROM ${tumble} GROUP BY window_start, window_end, GROUPING SETS ((supplier_id), ())`,
    expected: { out: bySupplier },
  },
  {
    name: 'ROLLUP',
    from: 'Flink: Window Aggregation, ROLLUP',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, window_end, supplier_id, SUM(price) AS price FROM ${tumble} GROUP BY window_start, window_end, ROLLUP (supplier_id)`,
    expected: { out: bySupplier },
  },
  {
    name: 'CUBE',
    from: 'Flink: Window Aggregation, CUBE; of items behind B',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, item, supplier_id, SUM(price) AS price FROM ${tumble} WHERE item > 'D' GROUP BY window_start, window_end, CUBE (supplier_id, item)`,
    expected: {
      out: rows(
        'window_start item supplier_id price',
        [at('08:10'), 'E', 'supplier1', '1.00'],
        [at('08:10'), 'F', 'supplier2', '6.00'],
        [at('08:10'), null, 'supplier1', '1.00'],
        [at('08:10'), null, 'supplier2', '6.00'],
        [at('08:10'), 'E', null, '1.00'],
        [at('08:10'), 'F', null, '6.00'],
        [at('08:10'), null, null, '7.00'],
      ),
    },
  },
  {
    name: 'windows of windows',
    from: 'Flink: Window Aggregation, cascading',
    ...inFlink,
    sql: `INSERT INTO out WITH window1 AS (SELECT window_start, window_end, window_time AS rowtime_, SUM(price) AS partial_price FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES)) GROUP BY supplier_id, window_start, window_end, window_time), window2 AS (SELECT rowtime_, partial_price FROM window1) SELECT window_start, window_end, SUM(partial_price) AS total_price FROM TABLE(TUMBLE(TABLE window2, DESCRIPTOR(rowtime_), INTERVAL '10' MINUTES)) GROUP BY window_start, window_end`,
    expected: { out: rows('window_start window_end total_price', [...first, '11.00'], [...second, '10.00']) },
  },
  {
    name: 'TUMBLE with an offset',
    from: 'Flink: Windowing TVF, offset',
    ...inFlink,
    sql: `INSERT INTO out SELECT window_start, COUNT(*) AS bids, MIN(price) AS least, MAX(price) AS most, AVG(price) AS mean FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES, INTERVAL '7' MINUTES)) GROUP BY window_start, window_end`,
    expected: {
      out: rows(
        'window_start bids least most mean',
        [at('07:57'), 1, '4.00', '4.00', 4],
        [at('08:07'), 4, '1.00', '5.00', 2.75],
        [at('08:17'), 1, '6.00', '6.00', 6],
      ),
    },
    flink: `SELECT window_start, COUNT(*) AS bids, MIN(price) AS least, MAX(price) AS most, AVG(CAST(price AS DOUBLE)) AS mean FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES, INTERVAL '7' MINUTES)) GROUP BY window_start, window_end`,
  },
  {
    name: 'SESSION of each key',
    from: 'Flink: Windowing TVF, SESSION',
    ...inFlink,
    sql: `INSERT INTO out SELECT supplier_id, window_start, window_end, COUNT(*) AS bids FROM TABLE(SESSION(TABLE Bid PARTITION BY supplier_id, DESCRIPTOR(bidtime), INTERVAL '3' MINUTES)) GROUP BY supplier_id, window_start, window_end`,
    expected: {
      out: rows(
        'supplier_id window_start window_end bids',
        ['supplier1', at('08:05'), at('08:10'), 2],
        ['supplier1', at('08:13'), at('08:16'), 1],
        ['supplier2', at('08:09'), at('08:14'), 2],
        ['supplier2', at('08:17'), at('08:20'), 1],
      ),
    },
  },
  {
    name: 'the three best suppliers of each window',
    from: 'Flink: Window Top-N, after aggregation',
    streams: { Bid: Bid9 },
    sql: `INSERT INTO out SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rownum FROM (SELECT window_start, window_end, supplier_id, SUM(price) AS price, COUNT(*) AS cnt FROM ${tumble} GROUP BY window_start, window_end, supplier_id)) WHERE rownum <= 3`,
    expected: {
      out: rows(
        'window_start window_end supplier_id price cnt rownum',
        [...first, 'supplier1', '6.00', 2, 1],
        [...first, 'supplier4', '5.00', 1, 2],
        [...first, 'supplier2', '4.00', 1, 3],
        [...second, 'supplier5', '6.00', 1, 1],
        [...second, 'supplier2', '3.00', 1, 2],
        [...second, 'supplier3', '2.00', 1, 3],
      ),
    },
  },
  {
    name: 'the three dearest items of each window, of equal ones the earlier',
    from: 'Flink: Window Top-N, after a TVF',
    streams: { Bid: Bid9 },
    sql: `INSERT INTO out SELECT bidtime, price, item, supplier_id, window_start, window_end, rownum FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rownum FROM ${tumble}) WHERE rownum <= 3`,
    expected: {
      out: rows(
        'bidtime price item supplier_id window_start window_end rownum',
        [at('08:05'), '4.00', 'A', 'supplier1', ...first, 2],
        [at('08:06'), '4.00', 'C', 'supplier2', ...first, 3],
        [at('08:09'), '5.00', 'D', 'supplier4', ...first, 1],
        [at('08:11'), '2.00', 'B', 'supplier3', ...second, 3],
        [at('08:15'), '3.00', 'H', 'supplier2', ...second, 2],
        [at('08:17'), '6.00', 'F', 'supplier5', ...second, 1],
      ),
    },
  },
  {
    name: 'the last row of each window',
    from: 'Flink: Window Deduplication',
    streams: { Bid: Bid9 },
    sql: `INSERT INTO out SELECT * FROM (SELECT bidtime, price, item, supplier_id, window_start, window_end, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY bidtime DESC) AS rownum FROM ${tumble}) WHERE rownum <= 1`,
    expected: {
      out: rows(
        'bidtime price item supplier_id window_start window_end rownum',
        [at('08:09'), '5.00', 'D', 'supplier4', ...first, 1],
        [at('08:17'), '6.00', 'F', 'supplier5', ...second, 1],
      ),
    },
  },
  {
    name: 'the first row of each supplier in each window',
    from: 'Flink: Window Deduplication, ascending, by a key',
    streams: { Bid: Bid9 },
    sql: `INSERT INTO out SELECT item, supplier_id, window_start FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, supplier_id ORDER BY bidtime) AS rownum FROM ${tumble}) WHERE rownum = 1`,
    expected: {
      out: rows(
        'item supplier_id window_start',
        ['A', 'supplier1', at('08:00')],
        ['C', 'supplier2', at('08:00')],
        ['B', 'supplier3', at('08:00')],
        ['D', 'supplier4', at('08:00')],
        ['B', 'supplier3', at('08:10')],
        ['E', 'supplier1', at('08:10')],
        ['H', 'supplier2', at('08:10')],
        ['F', 'supplier5', at('08:10')],
      ),
    },
  },
  {
    name: 'distinct suppliers, and those over a sum',
    from: 'Flink: Window Aggregation, HAVING and DISTINCT',
    streams: { Bid: Bid9 },
    sql: `INSERT INTO out SELECT window_start, COUNT(DISTINCT supplier_id) AS suppliers FROM ${tumble} GROUP BY window_start, window_end HAVING SUM(price) > 15`,
    expected: { out: rows('window_start suppliers', [at('08:00'), 4]) },
  },
]
