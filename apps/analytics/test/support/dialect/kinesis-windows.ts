// Jobs of Kinesis Data Analytics for SQL: windows, alerts and anomalies, by the examples of its developer guide over stock ticks.
import { at, rows, type CaseStream, type DialectCase } from './case.ts'

const S = '"SOURCE_SQL_STREAM_001"'

/** Ticks, and when they came. */
const ticks: CaseStream = {
  columns: { ticker: 'VARCHAR', sector: 'VARCHAR', price: 'DOUBLE', at_time: 'TIMESTAMP' },
  records: rows(
    'arrival_time ticker sector price at_time',
    [at('10:00:05'), 'AMZN', 'TECH', 100, at('09:59:58')],
    [at('10:00:10'), 'WAS', 'RETAIL', 20, at('10:00:09')],
    [at('10:00:20'), 'AMZN', 'TECH', 106, at('10:00:19')],
    [at('10:00:50'), 'AMZN', 'TECH', 94, at('10:00:49')],
    [at('10:01:05'), 'WAS', 'RETAIL', 25, at('10:00:59')],
    [at('10:01:10'), 'XTEC', 'TECHNOLOGY', 7, at('10:01:09')],
    [at('10:01:15'), 'AMZN', 'TECH', 98, at('10:01:14')],
    [at('10:02:30'), 'WAS', 'RETAIL', 30, at('10:02:29')],
  ),
}
const streams = { SOURCE_SQL_STREAM_001: ticks }

const pump = (select: string) =>
  `CREATE OR REPLACE STREAM "DESTINATION_SQL_STREAM" (ticker VARCHAR(4), price DOUBLE);\nCREATE OR REPLACE PUMP "STREAM_PUMP" AS INSERT INTO "DESTINATION_SQL_STREAM"\n${select};`

const values: CaseStream = {
  columns: { sensor: 'VARCHAR', ts: 'TIMESTAMP', v: 'DOUBLE' },
  records: Array.from({ length: 30 }, (_, place) => ({
    sensor: 'pump',
    ts: at(`11:00:${String(place).padStart(2, '0')}`),
    v: place === 21 ? 95 : 10 + ((place * 7) % 5),
  })),
}

export const kinesisWindows: readonly DialectCase[] = [
  {
    name: 'a continuous filter',
    from: 'Kinesis: Continuous query, LIKE',
    streams,
    sql: pump(`SELECT STREAM ticker, price FROM ${S} WHERE sector LIKE '%TECH%' AND price < 100`),
    expected: {
      DESTINATION_SQL_STREAM: rows('ticker price', ['AMZN', 94], ['XTEC', 7], ['AMZN', 98]),
    },
    flink: `SELECT ticker, price FROM SOURCE_SQL_STREAM_001 WHERE sector LIKE '%TECH%' AND price < 100`,
  },
  {
    name: 'least, most and mean of the last minute, by key',
    from: 'Kinesis: Sliding windows',
    streams,
    sql: pump(
      `SELECT STREAM ticker, MIN(price) OVER W1 AS least, MAX(price) OVER W1 AS most, AVG(price) OVER W1 AS mean FROM ${S} WINDOW W1 AS (PARTITION BY ticker RANGE INTERVAL '1' MINUTE PRECEDING)`,
    ),
    expected: {
      DESTINATION_SQL_STREAM: rows(
        'ticker least most mean',
        ['AMZN', 100, 100, 100],
        ['WAS', 20, 20, 20],
        ['AMZN', 100, 106, 103],
        ['AMZN', 94, 106, 100],
        ['WAS', 20, 25, 22.5],
        ['XTEC', 7, 7, 7],
        ['AMZN', 94, 106, 99.33333333333333],
        ['WAS', 30, 30, 30],
      ),
    },
    flink: null,
  },
  {
    name: 'the mean of the last two rows, by key',
    from: 'Kinesis: Sliding windows, ROWS',
    streams,
    sql: pump(
      `SELECT STREAM ticker, AVG(price) OVER (PARTITION BY ticker ROWS 1 PRECEDING) AS mean, LAG(price) OVER (PARTITION BY ticker ROWS 1 PRECEDING) AS before FROM ${S} WHERE ticker = 'WAS'`,
    ),
    expected: {
      DESTINATION_SQL_STREAM: rows(
        'ticker mean before',
        ['WAS', 20, null],
        ['WAS', 22.5, 20],
        ['WAS', 27.5, 25],
      ),
    },
    flink: null,
  },
  {
    name: 'a tumbling window by arrival',
    from: 'Kinesis: Tumbling windows, STEP',
    streams,
    sql: pump(
      `SELECT STREAM ticker, COUNT(*) AS ticks, AVG(price) AS price FROM ${S} GROUP BY ticker, STEP(${S}.ROWTIME BY INTERVAL '60' SECOND)`,
    ),
    expected: {
      DESTINATION_SQL_STREAM: rows(
        'ticker ticks price',
        ['AMZN', 3, 100],
        ['WAS', 1, 20],
        ['WAS', 1, 25],
        ['XTEC', 1, 7],
        ['AMZN', 1, 98],
        ['WAS', 1, 30],
      ),
    },
    flink: null,
  },
  {
    name: 'a tumbling window by FLOOR',
    from: 'Kinesis: Tumbling windows, FLOOR',
    streams,
    sql: pump(
      `SELECT STREAM FLOOR(${S}.ROWTIME TO MINUTE) AS minute, MAX(price) AS most FROM ${S} GROUP BY FLOOR(${S}.ROWTIME TO MINUTE)`,
    ),
    expected: {
      DESTINATION_SQL_STREAM: rows('minute most', [at('10:00'), 106], [at('10:01'), 98], [at('10:02'), 30]),
    },
    flink: null,
  },
  {
    name: 'a tumbling window by the time in the rows, beside that of arrival',
    from: 'Kinesis: Tumbling windows, event time and ROWTIME',
    streams,
    sql: pump(
      `SELECT STREAM STEP(at_time BY INTERVAL '60' SECOND) AS minute, COUNT(*) AS ticks, MIN(price) AS least FROM ${S} GROUP BY STEP(ROWTIME BY INTERVAL '60' SECOND), STEP(at_time BY INTERVAL '60' SECOND)`,
    ),
    expected: {
      DESTINATION_SQL_STREAM: rows(
        'minute ticks least',
        [at('09:59'), 1, 100],
        [at('10:00'), 4, 20],
        [at('10:01'), 2, 7],
        [at('10:02'), 1, 30],
      ),
    },
    flink: null,
  },
  {
    name: 'a stagger window of each key',
    from: 'Kinesis: Stagger windows',
    streams,
    sql: pump(
      `SELECT STREAM ticker, COUNT(*) AS ticks FROM ${S} WINDOWED BY STAGGER (PARTITION BY ticker RANGE INTERVAL '1' MINUTE)`,
    ),
    expected: {
      // AMZN from 10:00:05 to 10:01:05, then from 10:01:15; WAS from 10:00:10 holds 10:01:05 too.
      DESTINATION_SQL_STREAM: rows(
        'ticker ticks',
        ['AMZN', 3],
        ['AMZN', 1],
        ['WAS', 2],
        ['WAS', 1],
        ['XTEC', 1],
      ),
    },
    flink: null,
  },
  {
    name: 'the most frequent items',
    from: 'Kinesis: Top-K items, TOP_K_ITEMS_TUMBLING',
    streams,
    sql: pump(
      `SELECT STREAM * FROM TABLE(TOP_K_ITEMS_TUMBLING(CURSOR(SELECT STREAM * FROM ${S}), 'ticker', 2, 60))`,
    ),
    expected: {
      DESTINATION_SQL_STREAM: rows(
        'ITEM ITEM_COUNT',
        ['AMZN', 3],
        ['WAS', 1],
        ['AMZN', 1],
        ['WAS', 1],
        ['WAS', 1],
      ),
    },
    flink: null,
  },
  {
    name: 'how many items there are',
    from: 'Kinesis: Counting distinct items, COUNT_DISTINCT_ITEMS_TUMBLING',
    streams,
    sql: pump(
      `SELECT STREAM NUMBER_OF_DISTINCT_ITEMS FROM TABLE(COUNT_DISTINCT_ITEMS_TUMBLING(CURSOR(SELECT STREAM * FROM ${S}), 'ticker', 60))`,
    ),
    expected: { DESTINATION_SQL_STREAM: rows('NUMBER_OF_DISTINCT_ITEMS', [2], [3], [1]) },
    flink: null,
  },
  {
    name: 'an alert for a change of price',
    from: 'Kinesis: Simple alerts',
    streams,
    sql: `INSERT INTO alerts SELECT ticker, price, change FROM (SELECT ticker, price, price / LAG(price) OVER (PARTITION BY ticker ORDER BY at_time) - 1 AS change FROM ${S}) WHERE ABS(change) > 0.2`,
    expected: { alerts: rows('ticker price change', ['WAS', 25, 0.25]) },
  },
  {
    name: 'an alert a minute at most',
    from: 'Kinesis: Throttled alerts',
    streams,
    sql: `INSERT INTO alerts SELECT ticker, price FROM (SELECT ticker, price, at_time FROM ${S} WHERE price > 90) QUALIFY ROW_NUMBER() OVER (PARTITION BY ticker ORDER BY at_time RANGE INTERVAL '1' MINUTE PRECEDING) = 1`,
    expected: { alerts: rows('ticker price', ['AMZN', 100]) },
    flink: null,
  },
  {
    name: 'an alert in each minute that has a cause',
    from: 'Kinesis: Throttled alerts, by windows',
    streams,
    sql: `INSERT INTO alerts SELECT window_start, ticker, FIRST(price ORDER BY at_time) AS first, COUNT(*) AS ticks FROM TUMBLE(TABLE ${S}, DESCRIPTOR(at_time), INTERVAL '1' MINUTE) WHERE price > 90 GROUP BY window_start, window_end, ticker`,
    expected: {
      alerts: rows(
        'window_start ticker first ticks',
        [at('09:59'), 'AMZN', 100, 1],
        [at('10:00'), 'AMZN', 106, 2],
        [at('10:01'), 'AMZN', 98, 1],
      ),
    },
    flink: null,
  },
  {
    name: 'rows that are unlike those before them',
    from: 'Kinesis: Detecting anomalies, RANDOM_CUT_FOREST',
    streams: { values },
    sql: `INSERT INTO alerts SELECT ts, v FROM (SELECT ts, v, random_cut_forest(v) OVER (PARTITION BY sensor ORDER BY ts RANGE INTERVAL '1' MINUTE PRECEDING) AS score FROM values) WHERE score > 10`,
    expected: { alerts: rows('ts v', [at('11:00:21'), 95]) },
    flink: null,
  },
  {
    name: 'a mean that weighs later values more',
    from: 'Kinesis: EXP_AVG',
    streams,
    sql: `INSERT INTO out SELECT price, EXP_AVG(price, INTERVAL '30' SECOND) OVER (PARTITION BY ticker ORDER BY at_time RANGE INTERVAL '2' MINUTE PRECEDING) AS mean FROM ${S} WHERE ticker = 'WAS'`,
    // Of 20 at :09, 25 at :59 and 30 at 2:29: half the weight for each full thirty seconds.
    expected: {
      out: rows('price mean', [20, 20], [25, (25 + 20 / 2) / 1.5], [30, (30 + 25 / 8) / 1.125]),
    },
    flink: null,
  },
  {
    name: 'the spread of a window',
    from: 'Kinesis: STDDEV',
    streams,
    sql: `INSERT INTO out SELECT window_start, STDDEV_POP(price) AS spread FROM TUMBLE(TABLE ${S}, DESCRIPTOR(at_time), INTERVAL '5' MINUTE) WHERE ticker = 'AMZN' AND price <> 98 GROUP BY window_start, window_end`,
    expected: { out: rows('window_start spread', [at('09:55'), 0], [at('10:00'), 6]) },
  },
]
