// The statements of a text: where each stands, where it writes, and its SELECT. Pure.
import { statementsOf, tokensOf, type Token } from './lexer.ts'
import { isKinesisText } from '../kinesis/forms.ts'
import { PlanFault } from '../plan-fault.ts'

export interface Statement {
  readonly target: string | undefined
  readonly targetColumns: readonly string[]
  /** Where it stands, and where its SELECT begins. */
  readonly start: number
  readonly selectStart: number
  readonly end: number
}

/** What a text has: statements, and names of streams that it makes for itself alone, of Kinesis Data Analytics. */
export interface Statements {
  readonly statements: readonly Statement[]
  readonly created: readonly string[]
  readonly isKinesis: boolean
}

/** Returns the statements of a text. Throws `PlanFault` where it has none, or one that is neither an INSERT nor a SELECT. */
export function splitStatements(text: string): Statements {
  const tokens = tokensOf(text)
  const isKinesis = isKinesisText(tokens)
  const created: string[] = []
  const statements = statementsOf(tokens).flatMap((own) => {
    const made = isKinesis ? createdBy(text, own) : undefined
    if (made?.stream !== undefined) created.push(made.stream)
    return made?.stream !== undefined ? [] : [statementOf(text, made?.rest ?? own)]
  })
  if (statements.length === 0) throw new PlanFault(text, 0, 'There is no statement.')
  return { statements, created, isKinesis }
}

/** Streams that a text makes are of the query alone where another of its statements reads them; results go out through the others. */
export function innerNames(
  text: string,
  statements: readonly Statement[],
  created: readonly string[],
): readonly string[] {
  const read = statements.flatMap(({ selectStart, end }) =>
    tokensOf(text.slice(selectStart, end)).map((token) => nameAt(text.slice(selectStart, end), token)),
  )
  return created.filter((name) => read.includes(name))
}

function statementOf(text: string, tokens: readonly Token[]): Statement {
  const [first] = tokens
  const start = first!.start
  const end = tokens.at(-1)!.end
  if (first!.text !== 'INSERT') {
    if (!/^(SELECT|WITH|FROM|VALUES|TABLE|\()$/.test(first!.text))
      throw new PlanFault(
        text,
        start,
        `${text.slice(start, first!.end)} is no query: write SELECT, or INSERT INTO target SELECT.`,
      )
    return { target: undefined, targetColumns: [], start, selectStart: start, end }
  }
  const into = tokens[1]
  const target = tokens[2]
  if (into?.text !== 'INTO' || target === undefined || !isName(target))
    throw new PlanFault(
      text,
      (into ?? first!).start,
      'Where results go is written INSERT INTO target SELECT.',
    )
  const app = appTargetAt(text, tokens)
  const { names, next } = columnsAt(text, tokens, app === undefined ? 3 : 5)
  const select = tokens[next]
  if (select === undefined || !/^(SELECT|WITH|FROM|VALUES|\()$/.test(select.text)) {
    const hint =
      select?.text === '.' || select?.text === '-'
        ? `a name with marks is written in double quotes`
        : 'a SELECT follows the target'
    throw new PlanFault(
      text,
      select?.start ?? end,
      `Not understood: ${hint}, INSERT INTO "my-target" SELECT.`,
    )
  }
  return { target: app ?? nameAt(text, target), targetColumns: names, start, selectStart: select.start, end }
}

/** Returns `delivery:NAME` and `function:NAME` where a statement writes to a delivery or a function: no stream has such a name. */
function appTargetAt(text: string, tokens: readonly Token[]): string | undefined {
  const [kind, mark, name] = tokens.slice(2)
  const isApp = kind?.kind === 'word' && /^(DELIVERY|FUNCTION)$/.test(kind.text)
  if (!isApp || mark?.text !== '.' || name === undefined || !isName(name)) return undefined
  return `${kind.text.toLowerCase()}:${nameAt(text, name)}`
}

const isName = ({ kind }: Token) => kind === 'word' || kind === 'name'

/** Returns a name as it was written. */
export function nameAt(text: string, token: Token): string {
  return token.kind === 'name' ? token.text : text.slice(token.start, token.end)
}

/** Reads `(a, b)`; none where a SELECT stands in parentheses. */
function columnsAt(text: string, tokens: readonly Token[], at: number) {
  const names: string[] = []
  if (tokens[at]?.text !== '(' || /^(SELECT|WITH|FROM|VALUES)$/.test(tokens[at + 1]?.text ?? ''))
    return { names, next: at }
  let next = at + 1
  for (; next < tokens.length && tokens[next]!.text !== ')'; next++)
    if (isName(tokens[next]!)) names.push(nameAt(text, tokens[next]!))
  return { names, next: next + 1 }
}

/** Reads `CREATE OR REPLACE STREAM s (…)`, and the head of `CREATE OR REPLACE PUMP p AS INSERT …`. */
function createdBy(text: string, tokens: readonly Token[]): { stream?: string; rest?: readonly Token[] } {
  if (tokens[0]!.text !== 'CREATE') return {}
  const at = tokens[1]?.text === 'OR' ? 3 : 1
  const [kind, name, as] = tokens.slice(at)
  if (kind?.text === 'STREAM' && name !== undefined) return { stream: nameAt(text, name) }
  if (kind?.text === 'PUMP' && as?.text === 'AS' && tokens[at + 3] !== undefined)
    return { rest: tokens.slice(at + 3) }
  throw new PlanFault(
    text,
    (kind ?? tokens[0]!).start,
    'Of these there are CREATE OR REPLACE STREAM s (…), and CREATE OR REPLACE PUMP p AS INSERT INTO s SELECT STREAM ….',
  )
}
