// Jobs of Kinesis Data Analytics for SQL: reshaping, several kinds of records in one stream, clicks, reference data, bad values.
import { at, rows, type CaseStream, type DialectCase } from './case.ts'

const S = '"SOURCE_SQL_STREAM_001"'

/** Two kinds of records in one stream. */
const mixed: CaseStream = {
  columns: {
    RecordType: 'VARCHAR',
    Oid: 'BIGINT',
    Oprice: 'DOUBLE',
    Tid: 'BIGINT',
    Tprice: 'DOUBLE',
    ts: 'TIMESTAMP',
  },
  records: [
    { RecordType: 'Order', Oid: 1, Oprice: 95, ts: at('10:00:00') },
    { RecordType: 'Trade', Oid: 1, Tid: 11, Tprice: 94, ts: at('10:00:10') },
    { RecordType: 'Order', Oid: 2, Oprice: 40, ts: at('10:00:20') },
    { RecordType: 'Trade', Oid: 2, Tid: 12, Tprice: 41, ts: at('10:02:30') },
    { RecordType: 'Trade', Oid: 1, Tid: 13, Tprice: 96, ts: at('10:00:50') },
  ],
}

const logs: CaseStream = {
  columns: { line: 'VARCHAR', ts: 'TIMESTAMP' },
  records: rows(
    'line ts',
    ['203.0.113.24 - - [25/Mar/2018:15:25:37 -0700] "GET /index.php HTTP/1.1" 200 125', at('10:00')],
    ['203.0.113.145 - mary [25/Mar/2018:15:26:37 -0700] "GET /about.php HTTP/1.1" 404 -', at('10:01')],
    ['no line of a log', at('10:02')],
  ),
}

const clicks: CaseStream = {
  columns: { user_id: 'BIGINT', page: 'VARCHAR', ts: 'TIMESTAMP' },
  records: rows(
    'user_id page ts',
    [1, '/', at('10:00:00')],
    [2, '/', at('10:00:10')],
    [1, '/shop', at('10:00:40')],
    [1, '/cart', at('10:01:05')],
    [2, '/shop', at('10:05:00')],
    [3, '/', at('10:01:20')],
    [1, '/', at('10:01:59')],
  ),
}

const bad: CaseStream = {
  columns: { id: 'BIGINT', text: 'VARCHAR', total: 'BIGINT', count: 'BIGINT' },
  records: rows(
    'id text total count',
    [1, '12', 10, 4],
    [2, 'twelve', 10, 0],
    [3, null, null, 2],
    [4, '-1', 9007199254740991, 2],
  ),
}

export const kinesisShapes: readonly DialectCase[] = [
  {
    name: 'two kinds of records of one stream, each into its own',
    from: 'Kinesis: Transforming multiple data types',
    streams: { SOURCE_SQL_STREAM_001: mixed },
    sql: `CREATE OR REPLACE STREAM "Order_Stream" ("order_id" integer, "order_price" double);
CREATE OR REPLACE PUMP "Order_Pump" AS INSERT INTO "Order_Stream" SELECT STREAM Oid AS order_id, Oprice AS order_price FROM ${S} WHERE RecordType = 'Order';
CREATE OR REPLACE STREAM "Trade_Stream" ("trade_id" integer, "order_id" integer, "trade_price" double);
CREATE OR REPLACE PUMP "Trade_Pump" AS INSERT INTO "Trade_Stream" SELECT STREAM Tid AS trade_id, Oid AS order_id, Tprice AS trade_price FROM ${S} WHERE RecordType = 'Trade';`,
    expected: {
      Order_Stream: rows('order_id order_price', [1, 95], [2, 40]),
      Trade_Stream: rows('trade_id order_id trade_price', [11, 1, 94], [12, 2, 41], [13, 1, 96]),
    },
    flink: null,
  },
  {
    name: 'trades of an order within a minute',
    from: 'Kinesis: Joining two streams over a window',
    streams: { SOURCE_SQL_STREAM_001: mixed },
    sql: `INSERT INTO out WITH orders AS (SELECT Oid AS id, Oprice AS price, ts FROM ${S} WHERE RecordType = 'Order'), trades AS (SELECT Tid AS id, Oid AS order_id, Tprice AS price, ts FROM ${S} WHERE RecordType = 'Trade') SELECT o.id AS order_id, t.id AS trade_id, t.price - o.price AS gain FROM orders o LEFT JOIN trades t ON t.order_id = o.id AND t.ts BETWEEN o.ts AND o.ts + INTERVAL '1' MINUTE`,
    expected: { out: rows('order_id trade_id gain', [1, 11, -1], [1, 13, 1], [2, null, null]) },
  },
  {
    name: 'a stream of the query alone between two pumps',
    from: 'Kinesis: In-application streams and pumps',
    streams: { SOURCE_SQL_STREAM_001: clicks },
    sql: `CREATE OR REPLACE STREAM "IN_APP" (page VARCHAR(20), ts TIMESTAMP);
CREATE OR REPLACE STREAM "OUT" (page VARCHAR(20), views INTEGER);
CREATE OR REPLACE PUMP "ONE" AS INSERT INTO "IN_APP" SELECT STREAM page, ts FROM ${S} WHERE page <> '/';
CREATE OR REPLACE PUMP "TWO" AS INSERT INTO "OUT" SELECT STREAM page, COUNT(*) AS views FROM "IN_APP" GROUP BY page, STEP(ts BY INTERVAL '1' MINUTE);`,
    expected: { OUT: rows('page views', ['/shop', 1], ['/cart', 1], ['/shop', 1]) },
    flink: null,
  },
  {
    name: 'parts of a line by a regular expression',
    from: 'Kinesis: Parsing log strings, REGEX_LOG_PARSE',
    streams: { logs },
    sql: `INSERT INTO out SELECT t.r.COLUMN1 AS address, t.r.COLUMN2 AS page FROM (SELECT REGEX_LOG_PARSE(line, '^([\\d.]+) .* "GET (\\S+)') AS r FROM logs) t WHERE t.r IS NOT NULL`,
    expected: {
      out: rows('address page', ['203.0.113.24', '/index.php'], ['203.0.113.145', '/about.php']),
    },
    flink: `SELECT REGEXP_EXTRACT(line, '^([\\d.]+) .* "GET (\\S+)', 1) AS address, REGEXP_EXTRACT(line, '^([\\d.]+) .* "GET (\\S+)', 2) AS page FROM logs WHERE REGEXP(line, '^([\\d.]+) .* "GET (\\S+)')`,
  },
  {
    name: 'parts of a line of a web server',
    from: 'Kinesis: Parsing web logs, W3C_LOG_PARSE',
    streams: { logs },
    sql: `INSERT INTO out SELECT r.COLUMN1 AS address, r.COLUMN3 AS who, r.COLUMN5 AS request, CAST(r.COLUMN6 AS INTEGER) AS status, CAST(r.COLUMN7 AS INTEGER) AS bytes FROM (SELECT W3C_LOG_PARSE(line, 'COMMON') AS r FROM logs)`,
    expected: {
      out: rows(
        'address who request status bytes',
        ['203.0.113.24', '-', 'GET /index.php HTTP/1.1', 200, 125],
        ['203.0.113.145', 'mary', 'GET /about.php HTTP/1.1', 404, null],
        [null, null, null, null, null],
      ),
    },
    flink: null,
  },
  {
    name: 'fields between separators',
    from: 'Kinesis: Splitting strings, VARIABLE_COLUMN_LOG_PARSE',
    streams: {
      lines: { columns: { line: 'VARCHAR' }, records: rows('line', ['7,tea,2.5'], ['x,milk'], ['']) },
    },
    sql: `INSERT INTO out SELECT r.id, r.name, r.price FROM (SELECT VARIABLE_COLUMN_LOG_PARSE(line, 'id TYPE INTEGER, name TYPE VARCHAR(10), price TYPE DOUBLE', ',') AS r FROM lines)`,
    expected: { out: rows('id name price', [7, 'tea', 2.5], [null, 'milk', null], [null, null, null]) },
    flink: null,
  },
  {
    name: 'text in another shape',
    from: 'Kinesis: Transforming string values, SUBSTRING, REPLACE, UPPER, POSITION',
    streams: {
      lines: {
        columns: { referrer: 'VARCHAR' },
        records: rows('referrer', ['http://www.amazon.com'], ['tea']),
      },
    },
    sql: `INSERT INTO out SELECT UPPER(SUBSTRING(referrer, 12, 3)) AS part, REPLACE(referrer, 'http://', 'https://') AS secure, POSITION('.' IN referrer) AS dot, CHAR_LENGTH(referrer) AS size FROM lines`,
    expected: {
      out: rows('part secure dot size', ['AMA', 'https://www.amazon.com', 11, 21], ['', 'tea', 0, 3]),
    },
    flink:
      "SELECT UPPER(SUBSTRING(referrer, 12, 3)) AS part, REPLACE(referrer, 'http://', 'https://') AS secure, POSITION('.' IN referrer) AS `dot`, CHAR_LENGTH(referrer) AS size FROM lines",
  },
  {
    name: 'views and visitors of each page',
    from: 'Kinesis: Clickstream counts',
    streams: { clicks },
    sql: `INSERT INTO out SELECT window_start, page, COUNT(*) AS views, COUNT(DISTINCT user_id) AS visitors FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '2' MINUTES) GROUP BY window_start, window_end, page`,
    expected: {
      out: rows(
        'window_start page views visitors',
        [at('10:00'), '/', 4, 3],
        [at('10:00'), '/shop', 1, 1],
        [at('10:00'), '/cart', 1, 1],
        [at('10:04'), '/shop', 1, 1],
      ),
    },
    flink:
      "SELECT window_start, page, COUNT(*) AS `views`, COUNT(DISTINCT user_id) AS visitors FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '2' MINUTES)) GROUP BY window_start, window_end, page",
  },
  {
    name: 'visits, with the page that each begins and ends with',
    from: 'Kinesis: Clickstream sessions',
    streams: { clicks },
    sql: `INSERT INTO out SELECT user_id, window_start, COUNT(*) AS pages, FIRST(page ORDER BY ts) AS first, LAST(page ORDER BY ts) AS last, TSDIFF(MIN(ts), MAX(ts)) AS milliseconds FROM SESSION(TABLE clicks PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY user_id, window_start, window_end`,
    expected: {
      out: rows(
        'user_id window_start pages first last milliseconds',
        [1, at('10:00:00'), 4, '/', '/', 119000],
        [2, at('10:00:10'), 1, '/', '/', 0],
        [2, at('10:05:00'), 1, '/shop', '/shop', 0],
        [3, at('10:01:20'), 1, '/', '/', 0],
      ),
    },
    flink: null,
  },
  {
    name: 'names of a file by key, where there are any',
    from: 'Kinesis: Adding reference data',
    streams: { clicks },
    files: { 'users.csv': 'id,name\n1,Mary\n3,Jo\n' },
    sql: `INSERT INTO out SELECT c.page, u.name FROM clicks c LEFT JOIN '{files}/users.csv' u ON u.id = c.user_id WHERE c.page <> '/'`,
    expected: {
      out: rows('page name', ['/shop', 'Mary'], ['/cart', 'Mary'], ['/shop', null]),
    },
    flink: null,
  },
  {
    name: 'windows of what a file says of rows',
    from: 'Kinesis: Adding reference data, in a window',
    streams: { clicks },
    files: {
      'pages.json':
        '{"page": "/shop", "area": "sale"}\n{"page": "/cart", "area": "sale"}\n{"page": "/", "area": "home"}\n',
    },
    sql: `INSERT INTO out SELECT window_start, p.area, COUNT(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' MINUTES) c JOIN '{files}/pages.json' p ON p.page = c.page GROUP BY window_start, window_end, p.area`,
    expected: {
      out: rows('window_start area views', [at('10:00'), 'sale', 3], [at('10:00'), 'home', 4]),
    },
    flink: null,
  },
  {
    name: 'values that cannot be computed',
    from: 'Kinesis: the error stream; here such a value is NULL',
    streams: { bad },
    sql: `INSERT INTO out SELECT id, CAST(text AS INTEGER) AS number, total / count AS each, total * 2000 AS large FROM bad`,
    expected: {
      out: rows(
        'id number each large',
        [1, 12, 2.5, 20000],
        [2, null, null, 20000],
        [3, null, null, null],
        [4, -1, 4503599627370495.5, null],
      ),
    },
    flink: null,
  },
]
