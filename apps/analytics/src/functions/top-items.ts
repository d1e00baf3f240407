// TOP_K_ITEMS_TUMBLING and COUNT_DISTINCT_ITEMS_TUMBLING of Kinesis Data Analytics, as what they are in windows.
import { PlanFault } from '../plan/plan-fault.ts'
import { positionOf, type SqlParser } from '../plan/text/parser.ts'
import {
  become,
  columnRef,
  eachTable,
  textOf,
  type Expression,
  type QueryNode,
  type TableRef,
} from '../plan/text/tree.ts'
import { quotedName } from '../rows/sql-text.ts'

const forms: Readonly<Record<string, string>> = {
  top_k_items_tumbling: "TOP_K_ITEMS_TUMBLING(CURSOR(SELECT STREAM * FROM clicks), 'page', 10, 60)",
  count_distinct_items_tumbling:
    "COUNT_DISTINCT_ITEMS_TUMBLING(CURSOR(SELECT STREAM * FROM clicks), 'page', 60)",
}

/** Replaces them in FROM, in place. Throws `PlanFault`, which shows `text`. */
export async function rewriteTopItems(node: QueryNode, text: string, parser: SqlParser): Promise<void> {
  const tables: TableRef[] = []
  eachTable(node, (table) => {
    if (Object.hasOwn(forms, nameOf(table))) tables.push(table)
  })
  for (const table of tables.reverse()) {
    const [cursor, ...rest] = table.function!.children!
    const sql = sqlOf(nameOf(table), rest.map(textOf))
    if (cursor?.subquery === undefined || sql === undefined)
      throw new PlanFault(
        text,
        positionOf(text, table),
        `This is not understood: write ${forms[nameOf(table)]}.`,
      )
    const subquery = (await parser.parse(sql)).statements[0]!
    const { node: rows } = cursor.subquery
    takeTime(rows.select_list)
    subquery.node.cte_map.map[0]!.value.query.node = rows
    const { alias, query_location, column_name_alias = [] } = table
    become(table, {
      type: 'SUBQUERY',
      alias: alias || nameOf(table),
      sample: null,
      query_location,
      subquery,
      column_name_alias,
    })
  }
}

const nameOf = ({ function: call }: TableRef) => call?.function_name?.toLowerCase() ?? ''

/** Rows are counted by when they came. */
function takeTime(items: Expression[] | undefined): void {
  const has = ({ class: kind, alias, column_names: names }: Expression) =>
    kind === 'STAR' || (alias === '' && names?.at(-1)?.toLowerCase() === 'arrival_time')
  if (items !== undefined && !items.some(has)) items.push(columnRef('arrival_time'))
}

function sqlOf(name: string, constants: readonly (string | undefined)[]): string | undefined {
  const isTop = name === 'top_k_items_tumbling'
  const [column, ...numbers] = constants
  const [count, seconds] = isTop ? numbers : [undefined, ...numbers]
  const isNumber = (value: string | undefined) => /^[1-9]\d{0,5}$/.test(value ?? '')
  if (column === undefined || !isNumber(seconds) || (isTop && !isNumber(count))) return undefined
  if (constants.length !== (isTop ? 3 : 2)) return undefined
  const item = quotedName(column)
  const from = `FROM TUMBLE(TABLE millrace_cursor, DESCRIPTOR(arrival_time), to_seconds(${seconds})) GROUP BY window_start, window_end`
  const cursor = 'WITH millrace_cursor AS (SELECT 1)'
  if (!isTop) return `${cursor} SELECT count(DISTINCT ${item}) AS NUMBER_OF_DISTINCT_ITEMS ${from}`
  const place = 'row_number() OVER (PARTITION BY window_start, window_end ORDER BY count(*) DESC)'
  return `${cursor} SELECT ITEM, ITEM_COUNT FROM (SELECT ${item} AS ITEM, count(*) AS ITEM_COUNT, window_start, window_end, ${place} AS millrace_place ${from}, ${item}) WHERE millrace_place <= ${count}`
}
