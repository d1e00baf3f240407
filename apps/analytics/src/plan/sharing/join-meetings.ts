// Rows of two sides that are put together: by joins, and by EXISTS and IN.
import type { FromPart, Planning } from '../planning.ts'
import { columnRef, conjuncts, type Expression, type Subquery, type TableRef } from '../text/tree.ts'
import { equalities, equality, noteMeeting, withImages } from './meetings.ts'

/** Notes the meeting of a join, and returns its sides, of which columns have the images of what they are equal to. */
export function withMeeting(
  planning: Planning,
  join: TableRef,
  left: FromPart,
  right: FromPart,
  conditions: readonly Expression[],
): readonly [FromPart, FromPart] {
  const sources = [...left.relation.sources, ...right.relation.sources]
  const part = join.condition ?? join.right
  if (left.relation.kind === 'bounded' || right.relation.kind === 'bounded') {
    if (!isByRowOf(join, left.relation.kind === 'bounded'))
      noteMeeting(planning, { sources }, { kind: 'other', part, keys: [] })
    return [left, right]
  }
  const named = (join.using_columns ?? []).map((name) => columnRef(name))
  const equal = [
    ...equalities(planning, left, right, conditions),
    ...named.flatMap((name) => equality(planning, [name, left], [name, right])),
  ]
  const keys = join.ref_type === 'POSITIONAL' ? [] : equal.map(({ images }) => images)
  noteMeeting(planning, { sources }, { kind: 'join', part, keys })
  // A side of which rows may be missing has values that are NULL then.
  const type = join.join_type ?? ''
  return [
    /^(INNER|LEFT)$/.test(type)
      ? withImages(
          left,
          equal.map((each) => [each.left, each.images]),
        )
      : left,
    /^(INNER|RIGHT)$/.test(type)
      ? withImages(
          right,
          equal.map((each) => [each.right, each.images]),
        )
      : right,
  ]
}

/** Whether what comes of a stream and a table that each process has whole comes of each row of the stream by itself. */
function isByRowOf({ join_type: type, ref_type: kind }: TableRef, isLeftBounded: boolean): boolean {
  if (kind === 'POSITIONAL' || (kind === 'ASOF' && isLeftBounded)) return false
  return isLeftBounded ? /^(INNER|RIGHT)$/.test(type ?? '') : /^(INNER|LEFT|SEMI|ANTI)$/.test(type ?? '')
}

/** A subquery in WHERE. */
interface Asked {
  readonly expression: Expression
  readonly isNegated: boolean
}

/** Notes the meeting of a subquery with what is around it, and returns that, of which columns have the images of what they are equal to. */
export function withSubqueryMeeting(
  planning: Planning,
  { expression, isNegated }: Asked,
  outer: FromPart,
  inner: FromPart,
): FromPart {
  const { node } = expression.subquery as Subquery
  const equal = [...equalities(planning, outer, inner, conjuncts(node.where_clause))]
  // Of NOT IN, a NULL in any row of the subquery counts for all rows around it.
  const isIn = expression['subquery_type'] === 'ANY' && expression['comparison_type'] === 'COMPARE_EQUAL'
  if (isIn && !isNegated)
    equal.push(
      ...equality(planning, [expression['child'] as Expression, outer], [node.select_list![0]!, inner]),
    )
  noteMeeting(
    planning,
    { sources: [...outer.relation.sources, ...inner.relation.sources] },
    { kind: 'exists', part: expression, keys: equal.map(({ images }) => images) },
  )
  return withImages(
    outer,
    equal.map((each) => [each.left, each.images]),
  )
}
