// Conditions that bound how far apart in time rows of two sides are: `b.ts BETWEEN a.ts AND a.ts + INTERVAL '4' HOURS`, and its like.
import type { Binding, Planning } from './planning.ts'
import type { Expression } from './text/tree.ts'

/** Tables of one side, by their names. */
export interface Side {
  readonly bindings: readonly Binding[]
}

/** A column of one side and what is added to it. */
interface Term {
  readonly side: 'left' | 'right'
  readonly reference: Expression
  readonly shift: number
}

/** Right time minus left time, at least and at most. */
export interface Span {
  readonly left: Expression
  readonly right: Expression
  lo?: number
  hi?: number
}

/** Returns what conditions say of the times of two sides. */
export async function spansOf(
  planning: Planning,
  left: Side,
  right: Side,
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
  left: Side,
  right: Side,
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

/** Whether a reference names a table of a part, or a column that only it has. */
export function isOf(part: Side, reference: Expression): boolean {
  const [first, second] = reference.column_names!
  const lower = first!.toLowerCase()
  if (second !== undefined) return part.bindings.some(({ name }) => name.toLowerCase() === lower)
  return part.bindings.some(({ relation }) =>
    relation.columns.some(({ name }) => name.toLowerCase() === lower),
  )
}
