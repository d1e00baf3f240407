// Results of each row alone stand in the order of their stream. A join with a file loses it: DuckDB sorts, or goes by the rows of the file. Then they
// are put into it again.
import { columnOf, markRead, type FromPart, type Planning } from '../planning.ts'
import type { Relation } from '../relation.ts'
import { columnRef, type QueryNode } from '../text/tree.ts'

/** Columns of records by which a batch stands in the order of its stream. */
const order = ['shard_id', 'sequence_number'] as const

/** Orders a SELECT of rows that are joined with others, where the stream stands in its FROM by itself. */
export function keepOrder(planning: Planning, node: QueryNode, tables: FromPart, relation: Relation): void {
  if (!planning.isContinuous || relation.kind !== 'rows' || node.from_table?.type !== 'JOIN') return
  const [source, ...others] = relation.sources
  if (source === undefined || others.length > 0) return
  const binding = tables.bindings.find(({ relation: own }) => own.sources.includes(source))
  if (binding === undefined) return
  const references = order.map((name) => columnRef(binding.name, name))
  const columns = references.map((reference) => columnOf(planning, reference, { bindings: [binding] }))
  if (!columns.every((column) => column?.base?.source === source)) return
  for (const column of columns) markRead(column)
  node.modifiers.push({
    type: 'ORDER_MODIFIER',
    orders: references.map((expression) => ({ type: 'ASCENDING', null_order: 'NULLS_LAST', expression })),
  })
}
