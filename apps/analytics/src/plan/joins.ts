// Joins: of streams with files, of windows with windows of the same bounds, of streams within a span of time.
import { passedIn } from '../windows/window-sql.ts'
import { intervalOf } from '../windows/window.ts'
import {
  columnOf,
  faultAt,
  refuseLateness,
  timed,
  type Binding,
  type FromPart,
  type Planning,
} from './planning.ts'
import { withMeeting } from './sharing/join-meetings.ts'
import { boundedRelation, columnNamed, withoutRole, withTime, type Relation } from './relation.ts'
import { isOf, spansOf, type Span } from './spans.ts'
import { replaced, type Expression, type TableRef } from './text/tree.ts'

/** Returns what a join makes of two parts. Conditions are those of ON, and of WHERE where no row is kept without a match. */
export async function joined(
  planning: Planning,
  join: TableRef,
  one: FromPart,
  other: FromPart,
  conditions: readonly Expression[],
): Promise<FromPart> {
  const [left, right] = withMeeting(planning, join, one, other, conditions)
  const bindings = [...left.bindings, ...right.bindings]
  const [l, r] = [left.relation, right.relation]
  const both: Relation = {
    ...boundedRelation([...l.columns, ...r.columns]),
    sources: [...l.sources, ...r.sources],
    needs: [...l.needs, ...r.needs],
    delay: Math.max(l.delay, r.delay),
    passes: l.passes && r.passes,
    restrict: [...l.restrict, ...r.restrict],
  }
  if (l.kind === 'bounded' || r.kind === 'bounded' || !planning.isContinuous) {
    const endless = l.kind === 'bounded' ? r : l
    refuseKeptFile(planning, join, l, r)
    return {
      bindings,
      relation: { ...both, kind: endless.kind, filters: endless.filters },
      emission: left.emission ?? right.emission,
    }
  }
  refuseLateness(planning, join, 'a row may take back what rows without a match gave.')
  if (l.kind === 'windows' && r.kind === 'windows') {
    for (const name of ['window_start', 'window_end'] as const)
      if (!isEqual(planning, join, name, left, right, conditions)) throw faultAt(planning, join, bothBounds)
    return { bindings, relation: { ...both, kind: 'windows' } }
  }
  if (l.kind === 'windows' || r.kind === 'windows')
    throw faultAt(
      planning,
      join,
      'A stream without windows cannot be joined with windows: make windows of it too, and join on window_start and window_end.',
    )
  return intervalJoin(planning, join, left, right, both, conditions)
}

const bothBounds =
  'Windows are joined on both bounds: write ON a.window_start = b.window_start AND a.window_end = b.window_end, and what else must be equal.'

function refuseKeptFile(planning: Planning, join: TableRef, l: Relation, r: Relation): void {
  const { join_type: type } = join
  const keepsLeft = type === 'LEFT' || type === 'OUTER' || type === 'FULL'
  const keepsRight = type === 'RIGHT' || type === 'OUTER' || type === 'FULL'
  const kept =
    (l.kind === 'bounded' && r.kind !== 'bounded' && keepsLeft) ||
    (r.kind === 'bounded' && l.kind !== 'bounded' && keepsRight)
  if (kept && planning.isContinuous)
    throw faultAt(
      planning,
      join,
      'Whether a row of a table matches no row of a stream is never known: keep the rows of the stream (stream LEFT JOIN table).',
    )
}

/** Whether the conditions, or USING, have both sides' column of a role equal. */
function isEqual(
  planning: Planning,
  join: TableRef,
  role: 'window_start' | 'window_end',
  left: FromPart,
  right: FromPart,
  conditions: readonly Expression[],
): boolean {
  const using = (join.using_columns ?? []).some(
    (name) =>
      columnNamed(left.relation, name)?.role?.role === role &&
      columnNamed(right.relation, name)?.role?.role === role,
  )
  return using || isEqualIn(planning, role, left, right, conditions)
}

/** Whether the conditions have both sides' column of a role equal. */
export function isEqualIn(
  planning: Planning,
  role: 'window_start' | 'window_end',
  left: FromPart,
  right: FromPart,
  conditions: readonly Expression[],
): boolean {
  const roleIn = (part: FromPart, reference: Expression) =>
    reference.class === 'COLUMN_REF' &&
    isOf(part, reference) &&
    columnOf(planning, reference, part)?.role?.role === role
  return conditions.some((condition) => {
    if (condition.type !== 'COMPARE_EQUAL') return false
    const [a, b] = [condition['left'] as Expression, condition['right'] as Expression]
    return (roleIn(left, a) && roleIn(right, b)) || (roleIn(left, b) && roleIn(right, a))
  })
}

async function intervalJoin(
  planning: Planning,
  join: TableRef,
  left: FromPart,
  right: FromPart,
  both: Relation,
  conditions: readonly Expression[],
): Promise<FromPart> {
  const span = (await spansOf(planning, left, right, conditions)).find(
    ({ lo, hi }) => lo !== undefined && hi !== undefined,
  )
  const hasPairs = (part: FromPart) => part.bindings.length > 1 && part.emission !== undefined
  if (hasPairs(left) && hasPairs(right))
    throw faultAt(
      planning,
      join,
      'Two joins are joined in steps: WITH pairs AS (SELECT … the first two …) SELECT … FROM pairs JOIN the next one.',
    )
  if (span === undefined)
    throw faultAt(
      planning,
      join,
      "Rows of a stream would wait for those of the other for ever: bound the join in time, such as ON a.id = b.id AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' MINUTES.",
    )
  const [lo, hi] = [span.lo!, span.hi!]
  if (lo > hi)
    throw faultAt(planning, join, 'No time is within these bounds: the lower one is above the upper one.')
  if (
    !/^(INNER|LEFT|RIGHT|OUTER|FULL)$/.test(join.join_type ?? '') ||
    (join.ref_type !== 'REGULAR' && join.ref_type !== 'CROSS')
  )
    throw faultAt(
      planning,
      join,
      `This join of streams has no windows in time: write JOIN, LEFT JOIN, RIGHT JOIN or FULL JOIN.`,
    )
  const times = [
    timed(planning, left.relation, columnOf(planning, span.left, left), span.left),
    timed(planning, right.relation, columnOf(planning, span.right, right), span.right),
  ] as const
  const type = join.join_type!
  const keeps = { left: /^(LEFT|OUTER|FULL)$/.test(type), right: /^(RIGHT|OUTER|FULL)$/.test(type) }
  if ((keeps.left && times[0].isNullable) || (keeps.right && times[1].isNullable))
    throw faultAt(
      planning,
      join,
      'Rows without a match have no time to join by: bound it by the time of the rows that are kept before.',
    )
  const delay = Math.max(times[0].delay, times[1].delay)
  const held = Math.max(hi, 0) + Math.max(-lo, 0) + delay
  const emission = await emissionOf(planning, span, delay)
  const role = (part: FromPart, reference: Expression, wait: number, isNullable: boolean) =>
    part.bindings.map((binding) => {
      const own = { ...binding.relation, columns: binding.relation.columns.map(withoutRole) }
      if (!isBinding(part, binding, reference)) return { ...binding, relation: own }
      const time = { role: 'time', delay: delay + Math.max(0, wait), isNullable } as const
      return { ...binding, relation: withTime(own, reference.column_names!.at(-1)!, time) }
    })
  const bindings = [
    ...role(left, span.left, hi, keeps.right || (times[0].isNullable ?? false)),
    ...role(right, span.right, -lo, keeps.left || (times[1].isNullable ?? false)),
  ]
  const needs = [...times[0].needs, ...times[1].needs].map((need) => ({ ...need, span: need.span + held }))
  return {
    bindings: bindings.map((binding) => ({
      ...binding,
      relation: { ...binding.relation, kind: 'join' as const },
    })),
    relation: {
      ...both,
      columns: bindings.flatMap(({ relation }) => relation.columns),
      kind: 'join',
      needs,
      restrict: [],
      delay,
    },
    emission,
  }
}

function isBinding(part: FromPart, binding: Binding, reference: Expression): boolean {
  const [first, second] = reference.column_names!
  if (second !== undefined) return binding.name.toLowerCase() === first!.toLowerCase()
  return part.bindings.length === 1 || columnNamed(binding.relation, first!) !== undefined
}

/** A pair is complete with its later row, a row without a match once none can come. */
async function emissionOf(planning: Planning, span: Span, delay: number): Promise<Expression> {
  const [lo, hi] = [span.lo!, span.hi!]
  const l = 'CAST(millrace_left AS TIMESTAMP)'
  const r = 'CAST(millrace_right AS TIMESTAMP)'
  const at = `CASE WHEN ${r} IS NULL THEN ${l} + ${intervalOf(Math.max(hi, 0))} WHEN ${l} IS NULL THEN ${r} + ${intervalOf(Math.max(-lo, 0))} ELSE greatest(${l}, ${r}) END`
  const tree = await planning.parser.parse(`SELECT 1 WHERE ${passedIn(at, delay)}`)
  const names: Record<string, Expression> = { millrace_left: span.left, millrace_right: span.right }
  return replaced(tree.statements[0]!.node.where_clause!, (part) => names[part.column_names?.[0] ?? ''])
}
