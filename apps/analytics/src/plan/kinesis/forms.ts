// Kinesis Data Analytics' own forms, as far as DuckDB's grammar lacks them: each is put into one that it has, of the same length, so that
// positions stay those of the text. Pure.
import { PlanFault } from '../plan-fault.ts'
import { tokensOf, type Token } from '../text/lexer.ts'

/** Functions of its SQL that there are not here, and what is written instead. */
const instead: Readonly<Record<string, string>> = {
  TOP_K_ITEMS_TUMBLING:
    'count(*) over TUMBLE, and ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) <= k around it',
  COUNT_DISTINCT_ITEMS_TUMBLING: 'count(DISTINCT x), or approx_count_distinct(x), over TUMBLE',
  GROUP_RANK: 'RANK() OVER (PARTITION BY window_start, window_end ORDER BY n DESC)',
  REGEX_LOG_PARSE: "regexp_extract(line, '(…) (…)', ['a', 'b']), which gives the groups as fields",
  W3C_LOG_PARSE: "regexp_extract(line, '(…) (…)', ['a', 'b']), which gives the groups as fields",
  SYS_LOG_PARSE: "regexp_extract(line, '(…) (…)', ['a', 'b']), which gives the groups as fields",
  FAST_REGEX_LOG_PARSE: "regexp_extract(line, '(…) (…)', ['a', 'b']), which gives the groups as fields",
  VARIABLE_COLUMN_LOG_PARSE: "split_part(line, ',', 1), split_part(line, ',', 2) and so on",
  FIXED_COLUMN_LOG_PARSE: 'substring(line, 1, 8) and so on',
  TSDIFF: "date_diff('millisecond', a, b)",
  MONOTONIC: 'the column itself: rows need not come in order',
  UNIX_TIMESTAMP: 'epoch_ms(ts)',
  CHAR_TO_TIMESTAMP: "strptime(text, '%Y-%m-%d %H:%M:%S')",
  TO_TIMESTAMP: 'make_timestamp(ms * 1000)',
  EXP_AVG: 'avg(x) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL … PRECEDING)',
  RANDOM_CUT_FOREST: 'a bound on (x - avg(x) OVER w) / stddev(x) OVER w: the forest is not there',
  RANDOM_CUT_FOREST_WITH_EXPLANATION:
    'a bound on (x - avg(x) OVER w) / stddev(x) OVER w: the forest is not there',
  HOTSPOTS: 'count(*) by round(x, 1), round(y, 1) over TUMBLE: there is no other search for hot spots',
  CURSOR: 'the SELECT itself in FROM, in parentheses',
}

/** Whether a text is written for Kinesis Data Analytics: it makes streams or pumps. */
export function isKinesisText(tokens: readonly Token[]): boolean {
  return tokens.some(
    ({ text }, at) =>
      text === 'CREATE' &&
      /^(STREAM|PUMP)$/.test(tokens[at + (tokens[at + 1]?.text === 'OR' ? 3 : 1)]?.text ?? ''),
  )
}

/** Returns a SELECT in DuckDB's grammar. Throws `PlanFault`, which shows `text`, for what there is not. */
export function withoutKinesisForms(sql: string, text: string): string {
  const tokens = tokensOf(sql)
  let taken = sql
  const put = (start: number, end: number, by: string) => {
    taken = taken.slice(0, start) + by.padEnd(end - start) + taken.slice(end)
  }
  const calls: string[] = []
  tokens.forEach((token, at) => {
    const next = tokens[at + 1]
    if (token.text === '(') calls.push(tokens[at - 1]?.text ?? '')
    else if (token.text === ')') calls.pop()
    if (token.kind !== 'word') return
    const advice = next?.text === '(' ? instead[token.text] : undefined
    if (advice !== undefined)
      throw new PlanFault(text, token.start, `There is no ${token.text} here: write ${advice}.`)
    if (token.text === 'SIMILAR' && next?.text === 'TO')
      throw new PlanFault(
        text,
        token.start,
        'SIMILAR TO takes regular expressions here: write LIKE, or regexp_matches(x, …).',
      )
    const call = calls.at(-1)
    if (token.text === 'STREAM' && tokens[at - 1]?.text === 'SELECT') put(token.start, token.end, '')
    if (token.text === 'BY' && call === 'STEP') put(token.start, token.end, ',')
    if (token.text === 'TO' && (call === 'FLOOR' || call === 'CEIL')) put(token.start, token.end, ',')
    if (token.text === 'WINDOWED') stagger(text, tokens, at, put)
  })
  return taken
}

/** `WINDOWED BY STAGGER (PARTITION BY k RANGE INTERVAL '1' MINUTE)` becomes `GROUP BY k ,rng(INTERVAL '1' MINUTE)`. */
function stagger(
  text: string,
  tokens: readonly Token[],
  at: number,
  put: (start: number, end: number, by: string) => void,
): void {
  const words = ['WINDOWED', 'BY', 'STAGGER', '(', 'PARTITION', 'BY']
  const range = tokens.findIndex((token, place) => place > at && token.text === 'RANGE')
  if (words.some((word, place) => tokens[at + place]?.text !== word) || range < 0)
    throw new PlanFault(
      text,
      tokens[at]!.start,
      "This window is written WINDOWED BY STAGGER (PARTITION BY k RANGE INTERVAL '1' MINUTE).",
    )
  put(tokens[at]!.start, tokens[at + words.length - 1]!.end, 'GROUP BY')
  put(tokens[range]!.start, tokens[range]!.end, ',rng(')
}
