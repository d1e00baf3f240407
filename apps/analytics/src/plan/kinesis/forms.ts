// Kinesis Data Analytics' own forms, as far as DuckDB's grammar lacks them: each is put into one that it has, of the same length, so that
// positions stay those of the text. Pure.
import { PlanFault } from '../plan-fault.ts'
import { tokensOf, type Token } from '../text/lexer.ts'

/** Functions of its SQL that there are not here, and what is written instead. */
const instead: Readonly<Record<string, string>> = {
  GROUP_RANK: 'RANK() OVER (PARTITION BY window_start, window_end ORDER BY n DESC)',
  SYS_LOG_PARSE: "regexp_extract(line, '(…) (…)', ['a', 'b']), which gives the groups as fields",
  MONOTONIC: 'the column itself: rows need not come in order',
  CHAR_TO_TIMESTAMP: "strptime(text, '%Y-%m-%d %H:%M:%S')",
  HOTSPOTS: 'count(*) by round(x, 1), round(y, 1) over TUMBLE: there is no other search for hot spots',
}

/** Functions of other arguments than those of DuckDB. */
const insteadOfTheirs: Readonly<Record<string, string>> = {
  TO_TIMESTAMP: 'make_timestamp(ms * 1000)',
}

/** Whether a text is written for Kinesis Data Analytics: it makes streams or pumps. */
export function isKinesisText(tokens: readonly Token[]): boolean {
  return tokens.some(
    ({ text }, at) =>
      text === 'CREATE' &&
      /^(STREAM|PUMP)$/.test(tokens[at + (tokens[at + 1]?.text === 'OR' ? 3 : 1)]?.text ?? ''),
  )
}

/** Throws `PlanFault` for a function that there is not, with what to write instead. */
export function refuseFunctions(sql: string, text: string, isKinesis: boolean): void {
  const tokens = tokensOf(sql)
  tokens.forEach((token, at) => {
    if (token.kind !== 'word' || tokens[at + 1]?.text !== '(') return
    const advice = instead[token.text] ?? (isKinesis ? insteadOfTheirs[token.text] : undefined)
    if (advice !== undefined)
      throw new PlanFault(text, token.start, `There is no ${token.text} here: write ${advice}.`)
  })
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
