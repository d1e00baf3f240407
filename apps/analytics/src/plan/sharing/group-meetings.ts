// Rows of one table that are put together: by GROUP BY and by DISTINCT.
import type { Planning, Scope } from '../planning.ts'
import type { Relation } from '../relation.ts'
import { eachExpression, type Expression, type QueryNode } from '../text/tree.ts'
import { imagesOfColumn, imagesOfNamed, noteMeeting } from './meetings.ts'

/** Notes that rows are grouped, by what is in all grouping sets. */
export function noteGroups(
  planning: Planning,
  node: QueryNode,
  relation: Relation,
  scope: Scope,
  groups: readonly Expression[],
): void {
  const items = node.select_list!
  const sets = (node['group_sets'] as number[][] | undefined) ?? []
  const common = groups.filter((_, at) => sets.every((set) => set.includes(at)))
  noteMeeting(planning, relation, {
    kind: 'group',
    part: groups[0] ?? items[0],
    keys: common.map((group) => imagesOfNamed(planning, group, items, scope)),
  })
}

/** Notes that of rows that are the same, by all columns of a SELECT or by some, one is given. */
export function noteDistinct(planning: Planning, node: QueryNode, relation: Relation, scope: Scope): void {
  const items = node.select_list!
  for (const { type, distinct_on_targets: targets = [] } of node.modifiers) {
    if (type !== 'DISTINCT_MODIFIER') continue
    noteMeeting(planning, relation, {
      kind: 'distinct',
      part: targets[0] ?? items[0],
      keys:
        targets.length === 0
          ? relation.columns.map(imagesOfColumn)
          : targets.map((target) => imagesOfNamed(planning, target, items, scope)),
    })
  }
  let isOver = false
  eachExpression(node.modifiers, ({ class: kind }) => void (kind === 'WINDOW' && (isOver = true)))
  if (isOver) noteMeeting(planning, relation, { kind: 'other', part: items[0], keys: [] })
}
