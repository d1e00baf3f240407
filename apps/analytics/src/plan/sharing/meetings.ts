// Where a statement puts rows together, and what these have the same value of: so much as is certain, of which is found out by what a query
// can be shared among processes. Filled in while a statement is planned. Pure.
//
// An image of a value is what it is over the columns of a stream: each row of the stream that a row of a table comes of has the value
// there. Of a group, and of rows that are joined, a value may have images in several streams. A value that is NULL where an outer join
// finds no match has none in the rows that it is missing of.
import { columnOf, type Binding, type Planning, type Scope } from '../planning.ts'
import type { Column, Relation, Source } from '../relation.ts'
import { positionOf } from '../text/parser.ts'
import { replaced, shapeOf, type Expression, type TableRef } from '../text/tree.ts'

/** What a value is over the columns of each source. */
export type Images = ReadonlyMap<Source, Expression>

/** What puts rows together. */
export type MeetingKind = 'group' | 'distinct' | 'over' | 'window' | 'join' | 'exists' | 'other'

/** Rows of `sources` that one process must read, where they are the same in each of `keys`. */
export interface Meeting {
  readonly kind: MeetingKind
  readonly part: Expression | TableRef | undefined
  readonly sources: readonly Source[]
  /** Of what rows meet by. */
  readonly keys: readonly Images[]
}

const none: Images = new Map()

/** Notes that rows of a relation are put together. Of bounded tables each process has all rows. */
export function noteMeeting(
  planning: Planning,
  { sources }: Pick<Relation, 'sources'>,
  meeting: Omit<Meeting, 'sources'>,
): void {
  if (sources.length > 0) planning.meetings.push({ ...meeting, sources })
}

export function imagesOfColumn(column: Pick<Column, 'base' | 'images'> | undefined): Images {
  if (column?.images !== undefined) return column.images
  return column?.base === undefined ? none : new Map([[column.base.source, column.base.value]])
}

/** Returns the images of an expression. */
export function imagesOf(planning: Planning, expression: Expression, scope: Scope): Images {
  if (expression.class === 'COLUMN_REF') return imagesOfColumn(columnOf(planning, expression, scope))
  let source: Source | undefined
  let isCertain = true
  const value = replaced(expression, (part) => {
    if (!isOfRow(planning, part)) isCertain = false
    if (!isCertain) return part
    if (part.class !== 'COLUMN_REF') return undefined
    // A value that is of several streams may be of another type in each, and so another text.
    const [first, ...others] = imagesOfColumn(columnOf(planning, part, scope))
    if (first === undefined || others.length > 0 || (source !== undefined && source !== first[0]))
      isCertain = false
    source = first?.[0]
    return first?.[1]
  })
  return isCertain && source !== undefined ? new Map([[source, value]]) : none
}

/** Whether a part of an expression says what it is of one row alone. */
function isOfRow({ functions }: Planning, { class: kind, function_name: name = '' }: Expression): boolean {
  const lower = name.toLowerCase()
  const isOther = functions.aggregates.has(lower) || functions.unsteady.has(lower) || lower === 'getvariable'
  return plain.has(kind) && !isOther
}

const plain = new Set(
  'COLUMN_REF CONSTANT FUNCTION OPERATOR CAST CASE COMPARISON CONJUNCTION BETWEEN'.split(' '),
)

/** Returns the images of what GROUP BY or DISTINCT ON names: a column, an expression of the SELECT by its name or number, an expression. */
export function imagesOfNamed(
  planning: Planning,
  named: Expression,
  items: readonly Expression[],
  scope: Scope,
): Images {
  const local: Scope = { bindings: scope.bindings }
  const number = (named['value'] as { value?: unknown } | undefined)?.value
  if (named.class === 'CONSTANT') {
    const item = typeof number === 'number' ? items[number - 1] : undefined
    return item === undefined ? none : imagesOf(planning, item, local)
  }
  const own = imagesOf(planning, named, local)
  const [name, more] = named.column_names ?? []
  if (name === undefined || more !== undefined) return own
  const aliased = items.filter(({ alias }) => alias.toLowerCase() === name.toLowerCase())
  const each = aliased.map((item) => imagesOf(planning, item, local))
  const all = columnOf(planning, named, local) === undefined ? each : [own, ...each]
  // Which of several it names is not for us to know: they must be the same.
  return all.length > 0 && all.every((images) => isSame(images, all[0]!)) ? all[0]! : none
}

function isSame(a: Images, b: Images): boolean {
  return [...a].every(([source, value]) => {
    const other = b.get(source)
    return a.size === b.size && other !== undefined && shapeOf(other) === shapeOf(value)
  })
}

/** Tables of one side of a join. */
interface Side {
  readonly bindings: readonly Binding[]
}

/** Values that are equal in rows of two sides that are put together. */
export interface Equality {
  /** Columns, where these are no more than that. */
  readonly left: Column | undefined
  readonly right: Column | undefined
  readonly images: Images
}

/** Returns what conditions say to be equal of two sides. */
export function equalities(
  planning: Planning,
  left: Side,
  right: Side,
  conditions: readonly Expression[],
): readonly Equality[] {
  return conditions.flatMap((condition): readonly Equality[] => {
    if (condition.type !== 'COMPARE_EQUAL' && condition.type !== 'COMPARE_NOT_DISTINCT_FROM') return []
    const [a, b] = [condition['left'] as Expression, condition['right'] as Expression]
    const [l, r] = isOfSide(a, left, right) && isOfSide(b, right, left) ? [a, b] : [b, a]
    if (!isOfSide(l, left, right) || !isOfSide(r, right, left)) return []
    return equality(planning, [l, left], [r, right])
  })
}

/** Returns what it says that two values are equal; nothing where one of them has no images. */
export function equality(
  planning: Planning,
  [a, left]: readonly [Expression, Side],
  [b, right]: readonly [Expression, Side],
): readonly Equality[] {
  const [inLeft, inRight] = [
    imagesOf(planning, a, { bindings: left.bindings }),
    imagesOf(planning, b, { bindings: right.bindings }),
  ]
  if (inLeft.size === 0 || inRight.size === 0) return []
  const columnIn = (expression: Expression, { bindings }: Side) =>
    expression.class === 'COLUMN_REF' ? columnOf(planning, expression, { bindings }) : undefined
  return [{ left: columnIn(a, left), right: columnIn(b, right), images: new Map([...inLeft, ...inRight]) }]
}

/** Whether all columns of an expression are of one side, and none of them could be of the other. */
function isOfSide(expression: Expression, side: Side, other: Side): boolean {
  let isSo = true
  replaced(expression, (part) => {
    if (part.class !== 'COLUMN_REF') return undefined
    if (!names(side, part) || names(other, part)) isSo = false
    return part
  })
  return isSo
}

function names({ bindings }: Side, { column_names: parts }: Expression): boolean {
  const [first] = parts!.map((part) => part.toLowerCase())
  return bindings.some(
    ({ name, relation }) =>
      (parts!.length > 1 && name.toLowerCase() === first) ||
      relation.columns.some((column) => column.name.toLowerCase() === first),
  )
}

/** Returns tables of which columns have the images of what they are equal to. */
export function withImages<P extends Side>(
  part: P,
  equal: readonly (readonly [Column | undefined, Images])[],
): P {
  const widened = (column: Column): Column => {
    const more = equal.flatMap(([own, images]) => (own === column ? [...images] : []))
    return more.length === 0 ? column : { ...column, images: new Map([...imagesOfColumn(column), ...more]) }
  }
  const bindings = part.bindings.map((binding) => ({
    ...binding,
    relation: { ...binding.relation, columns: binding.relation.columns.map(widened) },
  }))
  return { ...part, bindings }
}

/** A meeting by streams, wherever these are read. */
export interface PlannedMeeting {
  readonly kind: MeetingKind
  /** Where it stands in the text; undefined where that is not known. */
  readonly position: number | undefined
  readonly streams: readonly string[]
  /** Each is of all of the streams. */
  readonly keys: readonly ReadonlyMap<string, Expression>[]
}

/** Returns the meetings of a statement that was planned. */
export function plannedMeetings({ meetings, sources, text }: Planning): readonly PlannedMeeting[] {
  // Tables of WITH are planned where they stand too, of which nothing stays.
  const read = new Set(sources)
  const own = meetings.filter((meeting) => meeting.sources.every((source) => read.has(source)))
  return own.map(({ kind, part, sources: of, keys }) => ({
    kind,
    position: part === undefined ? undefined : positionOf(text, part) || undefined,
    streams: [...new Set(of.map(({ stream }) => stream))],
    keys: keys.flatMap((images) => byStream(images, of) ?? []),
  }))
}

/** Undefined unless all sources have an image, and those of one stream the same. */
function byStream(images: Images, sources: readonly Source[]): ReadonlyMap<string, Expression> | undefined {
  const found = new Map<string, Expression>()
  for (const source of sources) {
    const image = images.get(source)
    if (image === undefined) return undefined
    const other = found.get(source.stream)
    if (other !== undefined && shapeOf(other) !== shapeOf(image)) return undefined
    found.set(source.stream, image)
  }
  return found
}
