// Joins: of streams with files, of windows with windows of the same bounds, of streams within a span of time.
import { passedIn } from '../windows/window-sql.ts'
import { intervalOf } from '../windows/window.ts'
import { columnOf, faultAt, timed, type Binding, type Planning } from './planning.ts'
import { boundedRelation, columnNamed, type Column, type Relation } from './relation.ts'
import { replaced, type Expression, type TableRef } from './text/tree.ts'

/** What FROM reads: each table by its name, and all of them together. */
export interface FromPart {
  readonly bindings: readonly Binding[]
  readonly relation: Relation
  /** Conditions that only complete results meet; of an interval join. */
  readonly emission?: Expression | undefined
}

/** Returns what a join makes of two parts. Conditions are those of ON, and of WHERE where no row is kept without a match. */
export async function joined(
  planning: Planning,
  join: TableRef,
  left: FromPart,
  right: FromPart,
  conditions: readonly Expression[],
): Promise<FromPart> {
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

/** Whether the conditions have both sides' column of a role equal. */
function isEqual(
  planning: Planning,
  join: TableRef,
  role: 'window_start' | 'window_end',
  left: FromPart,
  right: FromPart,
  conditions: readonly Expression[],
): boolean {
  const roleIn = (part: FromPart, reference: Expression) => {
    if (reference.class !== 'COLUMN_REF') return false
    if (!isOf(part, reference)) return false
    return columnOf(planning, reference, part)?.role?.role === role
  }
  const using = (join.using_columns ?? []).some(
    (name) =>
      columnNamed(left.relation, name)?.role?.role === role &&
      columnNamed(right.relation, name)?.role?.role === role,
  )
  return (
    using ||
    conditions.some((condition) => {
      if (condition.type !== 'COMPARE_EQUAL') return false
      const [a, b] = [condition['left'] as Expression, condition['right'] as Expression]
      return (roleIn(left, a) && roleIn(right, b)) || (roleIn(left, b) && roleIn(right, a))
    })
  )
}

/** Whether a reference names a table of a part, or a column that only it has. */
function isOf(part: FromPart, reference: Expression): boolean {
  const [first, second] = reference.column_names!
  const lower = first!.toLowerCase()
  if (second !== undefined) return part.bindings.some(({ name }) => name.toLowerCase() === lower)
  return part.bindings.some(({ relation }) =>
    relation.columns.some(({ name }) => name.toLowerCase() === lower),
  )
}

/** A column of one side and what is added to it. */
interface Term {
  readonly side: 'left' | 'right'
  readonly reference: Expression
  readonly shift: number
}

/** Right time minus left time, at least and at most. */
interface Span {
  readonly left: Expression
  readonly right: Expression
  lo?: number
  hi?: number
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
  if (left.emission !== undefined || right.emission !== undefined)
    throw faultAt(
      planning,
      join,
      'A join of more than two streams is written in steps: WITH pairs AS (SELECT … the first two …) SELECT … FROM pairs JOIN the third.',
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
  const delay = Math.max(times[0].delay, times[1].delay)
  const held = Math.max(hi, 0) + Math.max(-lo, 0) + delay
  const emission = await emissionOf(planning, span, delay)
  const role = (part: FromPart, reference: Expression, wait: number) =>
    part.bindings.map((binding) =>
      isBinding(part, binding, reference)
        ? {
            ...binding,
            relation: withTime(binding.relation, reference.column_names!.at(-1)!, delay + Math.max(0, wait)),
          }
        : binding,
    )
  const bindings = [...role(left, span.left, hi), ...role(right, span.right, -lo)]
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

function withTime(relation: Relation, name: string, delay: number): Relation {
  const found = columnNamed(relation, name)
  const others = relation.columns.filter((column) => column.name.toLowerCase() !== name.toLowerCase())
  const time: Column = { name, base: found?.base, role: { role: 'time', delay } }
  return { ...relation, columns: [...others, time] }
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

async function spansOf(
  planning: Planning,
  left: FromPart,
  right: FromPart,
  conditions: readonly Expression[],
): Promise<readonly Span[]> {
  const spans: Span[] = []
  const note = (later: Term | undefined, earlier: Term | undefined) => {
    if (later === undefined || earlier === undefined || later.side === earlier.side) return
    // later + its shift >= earlier + its shift
    const [a, b] = later.side === 'right' ? [earlier, later] : [later, earlier]
    const key = (span: Span) =>
      nameOf(span.left) === nameOf(a.reference) && nameOf(span.right) === nameOf(b.reference)
    let span = spans.find(key)
    if (span === undefined) spans.push((span = { left: a.reference, right: b.reference }))
    if (later.side === 'right') span.lo = Math.max(span.lo ?? -Infinity, earlier.shift - later.shift)
    else span.hi = Math.min(span.hi ?? Infinity, later.shift - earlier.shift)
  }
  for (const condition of conditions) {
    const term = (name: string) => termOf(planning, left, right, condition[name] as Expression)
    if (condition.type.startsWith('COMPARE_GREATERTHAN')) note(await term('left'), await term('right'))
    else if (condition.type.startsWith('COMPARE_LESSTHAN')) note(await term('right'), await term('left'))
    else if (condition.type === 'COMPARE_BETWEEN') {
      note(await term('input'), await term('lower'))
      note(await term('upper'), await term('input'))
    }
  }
  return spans
}

const nameOf = (reference: Expression) => reference.column_names!.join('.').toLowerCase()

/** Returns a column, or a column and a constant interval. */
async function termOf(
  planning: Planning,
  left: FromPart,
  right: FromPart,
  expression: Expression,
): Promise<Term | undefined> {
  if (expression.class === 'CAST') return termOf(planning, left, right, expression['child'] as Expression)
  if (expression.class === 'COLUMN_REF') {
    if (isOf(left, expression)) return { side: 'left', reference: expression, shift: 0 }
    return isOf(right, expression) ? { side: 'right', reference: expression, shift: 0 } : undefined
  }
  const name = expression.function_name
  const [a, b] = expression.children ?? []
  if ((name !== '+' && name !== '-') || a === undefined || b === undefined) return undefined
  const term = await termOf(planning, left, right, a)
  const [of, constant] =
    term === undefined && name === '+' ? [await termOf(planning, left, right, b), a] : [term, b]
  if (of === undefined) return undefined
  const { parser } = planning
  const value = await parser.valueOf(`epoch_us(CAST(${await parser.printExpression(constant)} AS INTERVAL))`)
  if (value === undefined) return undefined
  return { ...of, shift: of.shift + (name === '-' ? -1 : 1) * Number(value) }
}
