// SQL text to plan: statement by statement. The one way into this folder.
import { rewriteLogFunctions } from '../functions/log-functions.ts'
import { rewriteOverFunctions } from '../functions/over-functions.ts'
import { rewriteTopItems } from '../functions/top-items.ts'
import { rewriteKinesis } from './kinesis/rewrite.ts'
import { refuseFunctions, withoutKinesisForms } from './kinesis/forms.ts'
import { blankOutside } from './text/lexer.ts'
import { Inputs } from './inputs.ts'
import { makeNeverFail } from './text/never-failing.ts'
import { positionOf, type SqlParser } from './text/parser.ts'
import { PlanFault, placeIn } from './plan-fault.ts'
import { firstPart } from './modifiers.ts'
import { refuseLateness, type Planning } from './planning.ts'
import type { PlannedStatement, PlannedWindow, QueryPlan } from './query-plan.ts'
import type { Relation } from './relation.ts'
import { putCopies } from './files/reference-tables.ts'
import { queryOf } from './select.ts'
import { plannedMeetings } from './sharing/meetings.ts'
import { innerNames, splitStatements, type Statement } from './text/statements.ts'
import { eachExpression, type Expression, type QueryNode, type Tree } from './text/tree.ts'

export interface PlanOptions {
  readonly parser: SqlParser
  /** Whether the text runs for ever; otherwise once, over what there is. */
  readonly isContinuous: boolean
  /** Microseconds by which rows may be late and count still; 0 by default. */
  readonly lateness?: number
  /**
   * Columns of a stream, those of its records included; undefined where they are not known yet. Then a name without a table is taken to
   * be a column, and the plan tells which columns there should be; plan again once they are known.
   */
  readonly columnsOf?: (stream: string) => readonly string[] | undefined
  /** Targets that are no streams: only later statements of the text read them. */
  readonly inQuery?: readonly string[]
  /** Where a file lies that the text names; left out: by that name. */
  readonly pathOf?: ((name: string) => string) | undefined
}

/** Plans a text. Rejects with `PlanFault`. */
export async function planQuery(text: string, options: PlanOptions): Promise<QueryPlan> {
  const { parser, isContinuous, lateness = 0 } = options
  const functions = await parser.functions()
  const inputs = new Inputs(parser, { unsteady: functions.unsteady, lateness })
  const inQuery = new Map<string, { node: QueryNode; names: readonly string[] }>()
  const statements: PlannedStatement[] = []
  const { statements: found, created, isKinesis } = splitStatements(text)
  const kept = new Set([...(options.inQuery ?? []), ...innerNames(text, found, created)])
  for (const statement of found) {
    if (isContinuous && statement.target === undefined)
      throw new PlanFault(
        text,
        statement.start,
        'A query that runs for ever writes somewhere: write INSERT INTO target SELECT.',
      )
    const sql = blankOutside(text, statement.selectStart, statement.end)
    refuseFunctions(sql, text, isKinesis)
    const tree = await parser.parse(isKinesis ? withoutKinesisForms(sql, text) : sql, text)
    const { node } = tree.statements[0]!
    if (isKinesis) rewriteKinesis(node, text)
    if (isContinuous) await nameResults(node, parser)
    await rewriteTopItems(node, text, parser)
    await rewriteLogFunctions(node, text, parser)
    await rewriteOverFunctions(node, text, parser)
    if (isContinuous) {
      await checkConstants(node, text, parser)
      makeNeverFail(node, functions, options.columnsOf ?? (() => undefined))
    }
    const own = structuredClone(node)
    const planning: Planning = {
      text,
      parser,
      functions,
      isContinuous,
      lateness,
      columnsOf: options.columnsOf ?? (() => undefined),
      inQuery,
      sources: [],
      windows: [],
      files: [],
      meetings: [],
      parts: new WeakMap(),
      query: (below, env, outer) => queryOf(planning, below, env, outer),
    }
    const planned = await plannedStatement(
      planning,
      statement,
      { tree, pathOf: options.pathOf },
      inputs,
      kept,
    )
    if (planned !== undefined) statements.push(planned)
    else inQuery.set(statement.target!, { node: own, names: statement.targetColumns })
  }
  if (statements.length === 0) throw new PlanFault(text, 0, 'No statement writes to a stream.')
  return { statements, inputs: await inputs.planned() }
}

const whichWindow =
  'which result a later one replaces is told by the window and the columns of the group, so select window_end too.'

/** Whether results say of which window they are. */
function tellsWindow({ columns }: Relation, windows: readonly PlannedWindow[]): boolean {
  const roles = columns.map(({ role }) => role?.role)
  const isByStart = windows.every(({ kind }) => kind !== 'cumulate') && roles.includes('window_start')
  return isByStart || roles.includes('window_end') || roles.includes('time')
}

/** Gives results without a name the one that DuckDB has for them as they are written, whatever becomes of them. */
async function nameResults(node: QueryNode, parser: SqlParser): Promise<void> {
  if (node.left !== undefined) return nameResults(node.left, parser)
  for (const item of node.select_list ?? []) {
    let isOne = item.alias === '' && item.class !== 'COLUMN_REF'
    eachExpression(item, ({ class: kind, function_name: name }) => {
      if (kind === 'STAR' || name === 'unnest') isOne = false
    })
    if (isOne) item.alias = await parser.printExpression(item)
  }
}

/** Refuses constants that are not of their type. */
async function checkConstants(node: QueryNode, text: string, parser: SqlParser): Promise<void> {
  const casts: Expression[] = []
  eachExpression(node, (expression) => {
    const child = expression['child'] as Expression | undefined
    if (expression.class === 'CAST' && child?.class === 'CONSTANT' && !expression['try_cast'])
      casts.push(expression)
  })
  for (const cast of casts) {
    const sql = await parser.printExpression(cast)
    if ((await parser.valueOf(`(${sql}) IS NULL`)) === undefined)
      throw new PlanFault(text, positionOf(text, cast['child'] as Expression), `There is no value ${sql}.`)
  }
}

/** Returns the plan of a statement; undefined where it is part of those that read what it writes. */
async function plannedStatement(
  planning: Planning,
  statement: Statement,
  { tree, pathOf }: { readonly tree: Tree } & Pick<PlanOptions, 'pathOf'>,
  inputs: Inputs,
  inQuery: ReadonlySet<string>,
): Promise<PlannedStatement | undefined> {
  const { text, parser, isContinuous } = planning
  const { target, targetColumns } = statement
  const relation = await planning.query(tree.statements[0]!.node, { tables: new Map() })
  if (isContinuous && relation.kind === 'bounded')
    throw new PlanFault(
      text,
      statement.selectStart,
      'This reads no stream, so it would never give another row: name a stream in FROM.',
    )
  if (target !== undefined && inQuery.has(target)) return undefined
  if (relation.kind === 'windows' && !tellsWindow(relation, planning.windows))
    refuseLateness(planning, firstPart(tree.statements[0]!.node), whichWindow)
  const numbers = await inputs.add(planning.sources, relation.needs)
  if (pathOf !== undefined) putCopies(tree, pathOf)
  const batchSql = await parser.print(tree)
  if (isContinuous) for (const restrict of relation.restrict) restrict()
  return {
    target,
    targetColumns,
    kind: relation.kind,
    inputs: numbers,
    sql: isContinuous ? await parser.print(tree) : batchSql,
    batchSql,
    files: [...new Set(planning.files)],
    windows: planning.windows,
    meetings: plannedMeetings(planning),
    text: text.slice(statement.start, statement.end),
    place: placeIn(text, statement.start),
  }
}
