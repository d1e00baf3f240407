// FROM: streams, files, tables of WITH, windows, joins.
import { isWindowKind, windowForms } from '../windows/window-arguments.ts'
import { readExpressions } from './expressions.ts'
import { joined } from './joins.ts'
import { refuseSample } from './modifiers.ts'
import { faultAt, refuseEndless, type Env, type FromPart, type Planning, type Scope } from './planning.ts'
import { fileFault, readsFiles } from './files/reference-tables.ts'
import { boundedRelation, streamRelation, type Relation, type Source } from './relation.ts'
import {
  become,
  conjuncts,
  type Expression,
  type QueryNode,
  type Subquery,
  type TableRef,
} from './text/tree.ts'
import { checkedCall, windowTable, type TablePart } from './window-tables.ts'

/** What tables of FROM stand among. */
export interface Surroundings {
  readonly env: Env
  readonly outer: Scope | undefined
  /** Conditions of WHERE. */
  readonly where: readonly Expression[]
}

/** Returns what FROM reads. Tables of the tree are replaced in place. */
export async function fromOf(planning: Planning, table: TableRef, around: Surroundings): Promise<FromPart> {
  refuseSample(planning, table, table['sample'])
  switch (table.type) {
    case 'JOIN': {
      const left = await fromOf(planning, table.left!, around)
      const outer = { bindings: left.bindings, outer: around.outer }
      const right = await fromOf(planning, table.right!, { ...around, outer })
      const isInner = table.join_type === 'INNER'
      const conditions = [...conjuncts(table.condition), ...(isInner ? around.where : [])]
      const part = await joined(planning, table, left, right, conditions)
      const scope = { bindings: part.bindings, outer: around.outer }
      await readExpressions(planning, table.condition, around.env, scope, new Set())
      for (const name of table.using_columns ?? [])
        for (const binding of part.bindings)
          await readExpressions(
            planning,
            { class: 'COLUMN_REF', column_names: [name] },
            around.env,
            { bindings: [binding] },
            new Set(),
          )
      return part
    }
    case 'BASE_TABLE':
    case 'SUBQUERY':
    case 'TABLE_FUNCTION': {
      const relation = renamed((await tableOf(planning, table, around)).relation, table)
      return { bindings: [{ name: nameOf(table), relation }], relation }
    }
    case 'PIVOT':
      refuseEndless(
        planning,
        table,
        'PIVOT names columns by the rows that there are: write one aggregate a column, such as count(*) FILTER (WHERE kind = 1).',
      )
      return {
        bindings: [],
        relation: (await fromOf(planning, table['source'] as TableRef, around)).relation,
      }
    default:
      return { bindings: [{ name: table.alias, relation: boundedRelation() }], relation: boundedRelation() }
  }
}

const nameOf = (table: TableRef) => table.alias || table.table_name || table.function?.function_name || ''

/** Names of columns given with the alias, `AS t(a, b)`. */
function renamed(relation: Relation, { column_name_alias: names }: TableRef): Relation {
  if (names === undefined || names.length === 0) return relation
  return {
    ...relation,
    columns: relation.columns.map((column, at) => ({ ...column, name: names[at] ?? column.name })),
  }
}

async function tableOf(planning: Planning, table: TableRef, around: Surroundings): Promise<TablePart> {
  if (table.type === 'SUBQUERY')
    return { table, relation: await planning.query(table.subquery!.node, around.env, around.outer) }
  return table.type === 'BASE_TABLE'
    ? namedTable(planning, table, around)
    : functionTable(planning, table, around)
}

async function namedTable(planning: Planning, table: TableRef, around: Surroundings): Promise<TablePart> {
  const name = table.table_name!
  if (table.schema_name)
    throw faultAt(
      planning,
      table,
      `Streams are in no schema: write "${table.schema_name}.${name}" if that is the stream's name.`,
    )
  for (const [key, { query, aliases, env }] of around.env.tables) {
    if (key !== name.toLowerCase()) continue
    const node = structuredClone(query.node)
    const relation = await planning.query(node, env)
    // A table of WITH that reads streams is put where it is read: each place may be restricted by itself.
    if (relation.kind === 'bounded') return { table, relation }
    const names = table.column_name_alias?.length ? table.column_name_alias : aliases
    return inlined(
      table,
      { ...query, node },
      renamed(relation, { ...table, column_name_alias: names }),
      names,
    )
  }
  const written = planning.inQuery.get(name)
  if (written !== undefined) {
    const node = structuredClone(written.node)
    const names = table.column_name_alias?.length ? table.column_name_alias : [...written.names]
    const relation = await planning.query(node, { tables: new Map() })
    return inlined(
      table,
      { node, named_param_map: [] },
      renamed(relation, { ...table, column_name_alias: names }),
      names,
    )
  }
  if (isFile(name)) {
    const fault = fileFault(name, { isTable: true })
    if (fault !== undefined) throw faultAt(planning, table, fault)
    planning.files.push(name)
    return { table, relation: boundedRelation() }
  }
  const known = planning.columnsOf(name)
  const source: Source = {
    stream: name,
    table,
    known,
    columns: new Set(),
    star: false,
    time: undefined,
    arrival: [],
  }
  planning.sources.push(source)
  table.alias ||= name
  return { table, relation: streamRelation(source) }
}

function inlined(table: TableRef, subquery: Subquery, relation: Relation, names: string[]): TablePart {
  become(table, {
    type: 'SUBQUERY',
    alias: table.alias || table.table_name!,
    sample: null,
    query_location: table.query_location,
    subquery,
    column_name_alias: names,
  })
  return { table, relation }
}

/** Names that DuckDB reads as files. */
function isFile(name: string): boolean {
  return /\.(csv|tsv|txt|parquet|json|jsonl|ndjson)(\.(gz|zst))?$/i.test(name) || /[/*\\]/.test(name)
}

async function functionTable(planning: Planning, table: TableRef, around: Surroundings): Promise<TablePart> {
  const call = table.function!
  const kind = call.function_name!.toLowerCase()
  if (isWindowKind(kind)) {
    const checked = checkedCall(planning, table, kind)
    const [name, ...more] = checked.data.column_names!
    if (more.length > 0)
      throw faultAt(
        planning,
        checked.data,
        `Streams are in no schema: write "${[name, ...more].join('.')}" if that is the stream's name.`,
      )
    const data = await namedTable(planning, namedRef(name!, checked.data), around)
    return windowTable(planning, table, checked, data)
  }
  if (call.children!.some((argument) => argument.function_name === 'descriptor'))
    throw faultAt(
      planning,
      table,
      `There are no windows ${kind.toUpperCase()}: there are ${Object.keys(windowForms).join(', ').toUpperCase()}.`,
    )
  if (readsFiles(kind)) readFiles(planning, table, call.children!)
  await readExpressions(planning, call.children, around.env, around.outer ?? { bindings: [] }, new Set())
  return { table, relation: boundedRelation() }
}

/** Files that a function is given: one, or a list. */
function readFiles(planning: Planning, table: TableRef, given: readonly Expression[]): void {
  for (const argument of given) {
    const { value } = (argument['value'] ?? {}) as { value?: unknown }
    const fault = typeof value === 'string' ? fileFault(value, { isTable: false }) : undefined
    if (fault !== undefined) throw faultAt(planning, table, fault)
    if (typeof value === 'string') planning.files.push(value)
    else readFiles(planning, table, argument.children ?? [])
  }
}

function namedRef(name: string, { query_location }: Expression): TableRef {
  return {
    type: 'BASE_TABLE',
    alias: '',
    sample: null,
    query_location,
    schema_name: '',
    table_name: name,
    column_name_alias: [],
    catalog_name: '',
    at_clause: null,
  }
}

/** Returns the tables of WITH, with those around them. */
export function withTables(node: QueryNode, env: Env): Env {
  if (node.cte_map.map.length === 0) return env
  const tables = new Map(env.tables)
  for (const { key, value } of node.cte_map.map) {
    // Each sees those before it.
    const before: Env = { tables: new Map(tables) }
    tables.set(key.toLowerCase(), { query: value.query, aliases: value.aliases, env: before })
  }
  return { tables }
}
