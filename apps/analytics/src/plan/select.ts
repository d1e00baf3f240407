// Queries: SELECT and what joins several of them. What is refused of those that run for ever is refused here.
import { baseOf, hasAggregate, outputOf, readExpressions, refuseGrouping, starred } from './expressions.ts'
import { withOvers } from './over/overs.ts'
import { columnOf, faultAt, refuseLateness, type Env, type Planning, type Scope } from './planning.ts'
import { columnNamed, type Column, type Relation } from './relation.ts'
import { firstPart, hasBounds, refuseModifiers, refuseSample } from './modifiers.ts'
import { noteDistinct, noteGroups } from './sharing/group-meetings.ts'
import { imagesOfColumn } from './sharing/meetings.ts'
import { withSubqueries, type EndlessSubquery } from './subqueries.ts'
import { keepOrder } from './files/row-order.ts'
import { fromOf, withTables } from './tables.ts'
import { conjunction, conjuncts, eachExpression, type Expression, type QueryNode } from './text/tree.ts'

/** Returns what is known of the results of a query; its tables are replaced in place. Rejects with `PlanFault`. */
export async function queryOf(
  planning: Planning,
  node: QueryNode,
  around: Env,
  outer?: Scope,
): Promise<Relation> {
  const env = withTables(node, around)
  const relation =
    node.type === 'SELECT_NODE'
      ? await selectOf(planning, node, env, outer)
      : await setOf(planning, node, env, outer)
  await dropTables(planning, node, env)
  return relation
}

/** Tables of WITH that read streams have been put where they are read. */
async function dropTables(planning: Planning, node: QueryNode, env: Env): Promise<void> {
  const kept = []
  for (const table of node.cte_map.map) {
    const [sources, windows, files] = [
      planning.sources.length,
      planning.windows.length,
      planning.files.length,
    ]
    const own = env.tables.get(table.key.toLowerCase())!
    const { kind } = await planning.query(structuredClone(table.value.query.node), own.env)
    planning.sources.length = sources
    planning.windows.length = windows
    planning.files.length = files
    if (kind === 'bounded') kept.push(table)
  }
  node.cte_map.map = kept
}

async function setOf(planning: Planning, node: QueryNode, env: Env, outer?: Scope): Promise<Relation> {
  const left = await planning.query(node.left!, env, outer)
  const right = await planning.query(
    node.right!,
    node.type === 'RECURSIVE_CTE_NODE' ? withName(node, env) : env,
    outer,
  )
  const sources = [...left.sources, ...right.sources]
  if (sources.length > 0 && planning.isContinuous) {
    const part = firstPart(node)
    const isUnionAll = node.setop_type?.startsWith('UNION') && node.setop_all === true
    if (!isUnionAll)
      throw faultAt(
        planning,
        part,
        'Of streams, which never end, there is only UNION ALL: to count what differs, write count(DISTINCT x) in a window.',
      )
    if (left.kind !== right.kind)
      throw faultAt(
        planning,
        part,
        `One side gives ${gives[left.kind]}, the other one ${gives[right.kind]}: write two INSERTs into one stream.`,
      )
    if (left.kind === 'windows')
      refuseLateness(planning, firstPart(node.right!), 'write two INSERTs into one stream.')
    refuseModifiers(planning, node, left, false)
  }
  return {
    ...left,
    kind: left.kind === 'bounded' ? right.kind : left.kind,
    columns: unionColumns(node, left, right),
    open: undefined,
    sources,
    needs: [...left.needs, ...right.needs],
    filters: [],
    delay: Math.max(left.delay, right.delay),
    passes: false,
    isOneToOne: false,
    parts: [left, right],
    restrict: [...left.restrict, ...right.restrict],
  }
}

/** Columns of two sides, which are put together by their places, or by their names. */
function unionColumns({ setop_type: type }: QueryNode, left: Relation, right: Relation): readonly Column[] {
  const isByName = type === 'UNION_BY_NAME'
  const columns = left.columns.map((column, at): Column => {
    const { name, role } = column
    const other = isByName ? columnNamed(right, name) : right.columns[at]
    const images = [imagesOfColumn(column), imagesOfColumn(other)]
    return {
      name,
      place: isByName ? undefined : at,
      role:
        role?.role === other?.role?.role
          ? role && { ...role, delay: Math.max(role.delay, other!.role!.delay) }
          : undefined,
      ...(images.every(({ size }) => size > 0) && { images: new Map(images.flatMap((each) => [...each])) }),
    }
  })
  const more = isByName ? right.columns.filter(({ name }) => columnNamed(left, name) === undefined) : []
  return [...columns, ...more.map(({ name }) => ({ name }))]
}

const gives = {
  rows: 'each row at once',
  windows: 'windows once they are complete',
  over: 'rows over those before them',
  join: 'pairs of rows',
  bounded: 'rows that are no stream',
} as const

/** Within a recursive table its own name is one of rows that end. */
function withName(node: QueryNode, env: Env): Env {
  const tables = new Map(env.tables)
  const values = {
    type: 'SELECT_NODE',
    modifiers: [],
    cte_map: { map: [] },
    select_list: [],
    from_table: { type: 'EMPTY', alias: '', query_location: 0 },
  }
  tables.set((node['cte_name'] as string).toLowerCase(), {
    query: { node: values },
    aliases: [],
    env: { tables: new Map() },
  })
  return { tables }
}

async function selectOf(planning: Planning, node: QueryNode, env: Env, outer?: Scope): Promise<Relation> {
  const where = conjuncts(node.where_clause)
  refuseSample(planning, firstPart(node), node['sample'])
  const tables = await fromOf(planning, node.from_table!, { env, outer, where })
  const endless = await readSelect(planning, node, env, { bindings: tables.bindings, outer })
  planning.parts.set(node, tables)
  const from = planning.isContinuous ? await withSubqueries(planning, where, tables, endless) : tables
  const scope: Scope = { bindings: from.bindings, outer }
  const { emission } = from
  const before: Relation = {
    ...filtered(planning, from.relation, where, scope),
    ...(emission !== undefined &&
      planning.isContinuous && {
        restrict: [() => (node.where_clause = conjunction([...conjuncts(node.where_clause), emission]))],
      }),
  }
  const over = await withOvers(planning, node, scope, before)
  noteArrival(planning, before, where, scope)
  if (isGrouped(planning, node)) return groupedOf(planning, node, over, scope)
  const columns = outputOf(planning, node, scope).map((column) => ofKind(column, over))
  refuseModifiers(planning, node, over, hasBounds(columns))
  noteDistinct(planning, node, { ...over, columns }, scope)
  const relation = {
    ...over,
    columns,
    open: openOf(node, scope),
    passes: over.passes && node.modifiers.length === 0,
    isOneToOne: over.isOneToOne && node.modifiers.length === 0 && !hasUnnest(node),
  }
  keepOrder(planning, node, tables, relation)
  return relation
}

/** Notes what a SELECT reads, and returns the subqueries of WHERE that read streams. */
async function readSelect(
  planning: Planning,
  node: QueryNode,
  env: Env,
  scope: Scope,
): Promise<readonly EndlessSubquery[]> {
  const aliases = new Set<string>()
  for (const item of node.select_list!) {
    await readExpressions(planning, item, env, scope, aliases)
    if (item.alias !== '') aliases.add(item.alias.toLowerCase())
  }
  const { where_clause: where, group_expressions: groups, having, qualify, modifiers } = node
  await readExpressions(planning, [groups, having, qualify, modifiers], env, scope, aliases)
  const endless: EndlessSubquery[] = []
  await readExpressions(planning, where, env, scope, aliases, endless)
  return endless
}

/** After OVER only its time tells of time. */
function ofKind(column: Column, over: Relation): Column {
  if (over.kind !== 'over') return column
  const [time] = over.columns
  const isTime = time !== undefined && column.role === undefined && sameColumn(column, time)
  const { name, base, images } = column
  return { name, ...(isTime && { role: time.role }), base, images }
}

const sameColumn = ({ base, name }: Column, time: Column) =>
  (base?.value.column_names?.[0] ?? name).toLowerCase() === time.name.toLowerCase() ||
  name.toLowerCase() === time.name.toLowerCase()

function isGrouped(planning: Planning, node: QueryNode): boolean {
  const isForced = node.aggregate_handling === 'FORCE_AGGREGATES'
  return (
    isForced || node.group_expressions!.length > 0 || hasAggregate(planning, [node.select_list, node.having])
  )
}

function groupedOf(planning: Planning, node: QueryNode, relation: Relation, scope: Scope): Relation {
  const items = node.select_list!
  const groups =
    node.aggregate_handling === 'FORCE_AGGREGATES'
      ? items.filter((item) => !hasAggregate(planning, item))
      : node.group_expressions!
  const roles = groups.map((group) => columnFor(planning, group, node, scope)?.role?.role)
  const sets = (node['group_sets'] as number[][] | undefined) ?? []
  const each = sets.length === 0 ? [roles] : sets.map((set) => set.map((at) => roles[at]))
  const isWindowed = relation.kind === 'windows'
  const isWhole =
    isWindowed && each.every((set) => set.includes('window_start') && set.includes('window_end'))
  const counted = items.find((item) => hasAggregate(planning, item))
  if (relation.kind !== 'bounded' && !isWhole)
    refuseGrouping(planning, groups[0] ?? counted ?? items[0], isWindowed)
  noteGroups(planning, node, relation, scope, groups)
  const columns = outputOf(planning, node, scope).map(({ name, role, ...column }) => ({
    name,
    role,
    ...(sets.length < 2 && { images: imagesOfColumn(column) }),
  }))
  refuseModifiers(planning, node, relation, hasBounds(columns))
  noteDistinct(planning, node, { ...relation, columns }, scope)
  return { ...relation, columns, open: undefined, filters: [], passes: false }
}

/** GROUP BY names a column, an expression of the SELECT by its name, or one by its number. */
function columnFor(planning: Planning, group: Expression, node: QueryNode, scope: Scope): Column | undefined {
  const items = node.select_list!
  const number = (group['value'] as { value?: unknown } | undefined)?.value
  if (group.class === 'CONSTANT' && typeof number === 'number') {
    const item = items[number - 1]
    return item?.class === 'COLUMN_REF' ? columnOf(planning, item, scope) : undefined
  }
  if (group.class !== 'COLUMN_REF') return undefined
  const found = columnOf(planning, group, scope)
  if (found?.role !== undefined || group.column_names!.length > 1) return found
  const item = items.find(({ alias }) => alias.toLowerCase() === group.column_names![0]!.toLowerCase())
  return item?.class === 'COLUMN_REF' ? columnOf(planning, item, scope) : found
}

function openOf(node: QueryNode, scope: Scope): Relation['open'] {
  const stars = node.select_list!.filter((item) => item.class === 'STAR')
  return stars.flatMap((star) => starred(star, scope)).find(({ relation }) => relation.open !== undefined)
    ?.relation.open
}

/** Whether rows of the SELECT are more than those that it reads. */
function hasUnnest(node: QueryNode): boolean {
  let found = false
  eachExpression(node.select_list, ({ class: kind, function_name: name }) => {
    if (kind === 'FUNCTION' && name === 'unnest') found = true
    return kind === 'SUBQUERY'
  })
  return found
}

/** Returns a relation with what WHERE leaves of it. */
function filtered(
  planning: Planning,
  relation: Relation,
  where: readonly Expression[],
  scope: Scope,
): Relation {
  if (relation.kind !== 'rows' || relation.sources.length !== 1) return { ...relation, isOneToOne: false }
  const filters = where.flatMap((condition) => baseOf(planning, condition, scope)?.value ?? [])
  const isOneToOne = relation.isOneToOne && filters.length === where.length
  return { ...relation, filters: [...relation.filters, ...filters], isOneToOne }
}

/** Conditions that a batch may put on what it reads. */
function noteArrival(
  planning: Planning,
  relation: Relation,
  where: readonly Expression[],
  scope: Scope,
): void {
  if (!relation.passes || planning.isContinuous) return
  for (const condition of where) {
    const base = baseOf(planning, condition, { bindings: scope.bindings })
    base?.source.arrival.push(base.value)
  }
}
