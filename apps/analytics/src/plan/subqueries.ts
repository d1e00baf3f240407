// EXISTS and IN over streams, in WHERE: whether a row has another one within a span of time, or in the same window.
import { passedIn } from '../windows/window-sql.ts'
import { isEqualIn } from './joins.ts'
import { columnOf, faultAt, refuseLateness, timed, type FromPart, type Planning } from './planning.ts'
import { withSubqueryMeeting } from './sharing/join-meetings.ts'
import { withTime, type Need, type Relation } from './relation.ts'
import { spansOf } from './spans.ts'
import { conjuncts, replaced, type Expression, type QueryNode, type Subquery } from './text/tree.ts'

/** A subquery that reads streams. */
export interface EndlessSubquery {
  readonly expression: Expression
  readonly relation: Relation
}

const form =
  "WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' MINUTES)"

/** Returns what FROM and the subqueries of WHERE give together. Throws `PlanFault`. */
export async function withSubqueries(
  planning: Planning,
  where: readonly Expression[],
  from: FromPart,
  found: readonly EndlessSubquery[],
): Promise<FromPart> {
  let part = from
  for (const subquery of found) {
    const { expression, relation } = subquery
    const isCondition = where.some(
      (condition) => condition === expression || (isNot(condition) && condition.children![0] === expression),
    )
    const node = (expression.subquery as Subquery).node
    const inner = planning.parts.get(node)
    if (!isCondition || inner === undefined || !isOneOf(part.relation, inner.relation))
      throw faultAt(
        planning,
        expression,
        `A subquery in an expression reads a stream, which never ends: join the stream instead, or read a file; whether there is such a row may be asked in WHERE alone, within a time, as in ${form}.`,
      )
    refuseLateness(planning, expression, 'a row may take back what there was without it.')
    const outer = withSubqueryMeeting(
      planning,
      { expression, isNegated: !where.includes(expression) },
      part,
      inner,
    )
    part =
      inner.relation.kind === 'windows'
        ? ofWindows(planning, expression, outer, { ...inner, relation }, node)
        : await ofSpan(planning, expression, outer, inner, node)
  }
  return part
}

const isNot = ({ type }: Expression) => type === 'OPERATOR_NOT'

function isOneOf({ kind }: Relation, inner: Relation): boolean {
  return kind === inner.kind
    ? kind === 'rows' || kind === 'windows'
    : kind === 'join' && inner.kind === 'rows'
}

function ofWindows(
  planning: Planning,
  expression: Expression,
  outer: FromPart,
  inner: FromPart,
  node: QueryNode,
): FromPart {
  for (const role of ['window_start', 'window_end'] as const)
    if (!isEqualIn(planning, role, inner, outer, conjuncts(node.where_clause)))
      throw faultAt(
        planning,
        expression,
        'Windows are compared within the same bounds: write WHERE a.window_start = b.window_start AND a.window_end = b.window_end in the subquery, and what else must be equal.',
      )
  if (inner.relation.delay > outer.relation.delay)
    throw faultAt(
      planning,
      expression,
      'The windows of the subquery are complete later than those around it: join them instead.',
    )
  const needs = [...outer.relation.needs, ...inner.relation.needs]
  return { ...outer, relation: { ...outer.relation, ...beside(outer, inner), needs } }
}

async function ofSpan(
  planning: Planning,
  expression: Expression,
  outer: FromPart,
  inner: FromPart,
  node: QueryNode,
): Promise<FromPart> {
  const spans = await spansOf(planning, inner, outer, conjuncts(node.where_clause))
  const span = spans.find(({ lo, hi }) => lo !== undefined && hi !== undefined)
  if (span === undefined || outer.emission !== undefined || node.group_expressions!.length > 0)
    throw faultAt(
      planning,
      expression,
      `Its rows would be waited for for ever: join the stream instead, or bound them in time by those of one stream around it, as in ${form}.`,
    )
  const times = {
    inner: timed(planning, inner.relation, columnOf(planning, span.left, inner), span.left),
    outer: timed(planning, outer.relation, columnOf(planning, span.right, outer), span.right),
  }
  // The row around it comes that much after its own, at most and at least; so it waits for what may still come.
  const wait = Math.max(0, -span.lo!)
  const longer = (needs: readonly Need[], by: number) =>
    needs.map((need) => ({ ...need, span: need.span + by }))
  const needs = [
    ...longer(times.outer.needs, wait),
    ...longer(times.inner.needs, wait + Math.max(0, span.hi!)),
  ]
  const name = span.right.column_names!.at(-1)!
  const bindings = outer.bindings.map(({ name: table, relation }) => ({
    name: table,
    relation: { ...withTime(relation, name, { role: 'time', delay: wait }), kind: 'join' as const },
  }))
  const relation: Relation = {
    ...outer.relation,
    ...beside(outer, inner),
    kind: 'join',
    columns: bindings.flatMap(({ relation: { columns } }) => columns),
    needs,
    filters: [],
    delay: wait,
    restrict: [],
  }
  return { bindings, relation, emission: await emissionOf(planning, span.right, wait) }
}

function beside(outer: FromPart, inner: FromPart) {
  const sources = [...outer.relation.sources, ...inner.relation.sources]
  return { sources, passes: false, isOneToOne: false, parts: undefined }
}

async function emissionOf(planning: Planning, time: Expression, wait: number): Promise<Expression> {
  const tree = await planning.parser.parse(
    `SELECT 1 WHERE ${passedIn('CAST(millrace_outer AS TIMESTAMP)', wait)}`,
  )
  return replaced(tree.statements[0]!.node.where_clause!, (part) =>
    part.column_names?.[0] === 'millrace_outer' ? time : undefined,
  )
}
