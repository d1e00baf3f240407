// Text to tree and back, by DuckDB. What DuckDB's grammar lacks of Flink's is put into a form of the same length that it has, so that
// positions stay those of the text.
import type { EngineSession } from '../../engine/index.ts'
import { tokensOf, type Token } from './lexer.ts'
import { PlanFault } from '../plan-fault.ts'
import { refuseSystemTime } from './system-time.ts'
import type { Expression, Tree } from './tree.ts'

/** What DuckDB knows of its functions. */
export interface FunctionNames {
  readonly aggregates: ReadonlySet<string>
  /** Those whose value is another when they are called again. */
  readonly unsteady: ReadonlySet<string>
}

/** SQL to trees and back. */
export class SqlParser {
  readonly #session: EngineSession
  #functions: Promise<FunctionNames> | undefined

  constructor(session: EngineSession) {
    this.#session = session
  }

  /** Returns the tree of a SELECT. Rejects with `PlanFault`, which shows `text`, of which `sql` has the positions. */
  async parse(sql: string, text: string = sql): Promise<Tree> {
    refuseSystemTime(sql, tokensOf(sql), text)
    const taken = withoutFlinkForms(sql)
    const [row] = await this.#session.rows(`SELECT json_serialize_sql(${quoted(taken)})::VARCHAR AS tree`)
    const json = row!['tree'] as string
    const tree = JSON.parse(json.replaceAll(inexact, '":{"$number":"$1"}')) as Tree | Refusal
    if (!tree.error) return tree
    const position =
      tree.position === undefined ? taken.search(/\S|$/) : charactersIn(taken, Number(tree.position))
    throw new PlanFault(text, position, `${tree.error_message}.`)
  }

  /** Returns the text of a tree. */
  async print(tree: Tree): Promise<string> {
    const json = JSON.stringify(tree).replaceAll(/\{"\$number":"([^"]+)"\}/g, '$1')
    const [row] = await this.#session.rows(`SELECT json_deserialize_sql(${quoted(json)}::JSON) AS sql`)
    return row!['sql'] as string
  }

  /** Returns the text of an expression. */
  async printExpression(expression: Expression): Promise<string> {
    const tree = await this.parse('SELECT 1')
    tree.statements[0]!.node.select_list = [{ ...expression, alias: '' }]
    return (await this.print(tree)).replace(/^SELECT /, '')
  }

  /** Returns the value of a constant expression as text; undefined where it has none. */
  async valueOf(sql: string): Promise<string | undefined> {
    try {
      const [row] = await this.#session.rows(`SELECT (${sql})::VARCHAR AS value`)
      return (row?.['value'] ?? undefined) as string | undefined
    } catch {
      return undefined
    }
  }

  functions(): Promise<FunctionNames> {
    this.#functions ??= this.#session
      .rows('SELECT function_name AS name, function_type AS kind, stability FROM duckdb_functions()')
      .then((rows) => {
        const namesOf = (found: typeof rows) =>
          new Set(found.map(({ name }) => (name as string).toLowerCase()))
        return {
          aggregates: new Set([
            ...namesOf(rows.filter(({ kind }) => kind === 'aggregate')),
            ...aggregateMacros,
          ]),
          unsteady: namesOf(rows.filter(({ stability }) => stability != null && stability !== 'CONSISTENT')),
        }
      })
    return this.#functions
  }
}

/** Aggregates that DuckDB writes out as others. */
const aggregateMacros = ['geomean', 'weighted_avg']

interface Refusal {
  readonly error: true
  readonly error_message: string
  readonly position?: string
}

/** Numbers that JavaScript does not give back as it got them: large ones, and those with a point. A quote in a string has a backslash. */
const inexact = /(?<!\\)":(-?(?:\d{16,}|\d*\.\d[\d.eE+-]*|\d+(?:\.\d+)?[eE][\d+-]+))(?=[,}])/g

/** Returns a string as SQL writes it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** DuckDB counts bytes. */
function charactersIn(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length
}

/** Returns where an expression stands in the text that was parsed. */
export function positionOf(text: string, part: { readonly query_location: unknown }): number {
  return typeof part.query_location === 'number' ? charactersIn(text, part.query_location) : 0
}

/** `FROM TABLE(TUMBLE(…))` becomes `FROM TUMBLE(…)`, `CURSOR(SELECT …)` the SELECT; `TABLE clicks` in the arguments of a function becomes `clicks`; `clicks PARTITION BY user` there becomes `clicks, user`. */
function withoutFlinkForms(sql: string): string {
  const tokens = tokensOf(sql)
  let taken = sql
  const put = (token: Token, end: number, by: string) => {
    taken = taken.slice(0, token.start) + by.padEnd(end - token.start) + taken.slice(end)
  }
  tokens.forEach((token, at) => {
    const before = tokens[at - 1]
    const after = tokens[at + 1]
    if (token.kind !== 'word') return
    if (token.text === 'TABLE' && after?.text === '(' && /^(FROM|JOIN|,)$/.test(before?.text ?? '')) {
      const close = closing(tokens, at + 1)
      put(token, after.end, '')
      if (close !== undefined) put(close, close.end, '')
    }
    if (token.text === 'CURSOR' && after?.text === '(') put(token, token.end, '')
    if (token.text === 'TABLE' && (before?.text === '(' || before?.text === '=>') && isName(after))
      put(token, token.end, '')
    const isArgument = isName(before) && (tokens[at - 2]?.text === 'TABLE' || isWindowCall(tokens, at - 2))
    if (token.text === 'PARTITION' && after?.text === 'BY' && isArgument) put(token, after.end, ',')
  })
  return taken
}

/** Returns the parenthesis that closes another. */
function closing(tokens: readonly Token[], open: number): Token | undefined {
  let depth = 0
  return tokens.slice(open).find(({ kind, text }) => {
    if (kind === 'mark' && text === '(') depth++
    if (kind === 'mark' && text === ')') depth--
    return depth === 0
  })
}

function isName(token: Token | undefined): boolean {
  return token?.kind === 'word' || token?.kind === 'name'
}

/** Whether the token is the parenthesis of `SESSION(` or `STAGGER(`. */
function isWindowCall(tokens: readonly Token[], at: number): boolean {
  return (
    tokens[at]?.text === '(' && /^(SESSION|STAGGER|TUMBLE|HOP|CUMULATE)$/.test(tokens[at - 1]?.text ?? '')
  )
}
