// DISTINCT, ORDER BY, LIMIT and OFFSET of what never ends.
import { refuseEndless, type Planning } from './planning.ts'
import type { Column, Relation } from './relation.ts'
import type { Expression, QueryNode, TableRef } from './text/tree.ts'

/** Returns a part of a query that tells where it stands. */
export const firstPart = (node: QueryNode): Expression | undefined =>
  node.select_list?.[0] ?? (node.right && firstPart(node.right))

/** Whether both bounds of windows are among columns. */
export function hasBounds(columns: readonly Column[]): boolean {
  const roles = columns.map(({ role }) => role?.role)
  return roles.includes('window_start') && roles.includes('window_end')
}

/** Refuses a sample of rows. */
export function refuseSample(
  planning: Planning,
  part: Expression | TableRef | undefined,
  sample: unknown,
): void {
  if (sample != null)
    refuseEndless(
      planning,
      part,
      'A sample is of other rows each time it is taken, so results could not be computed again: leave rows out by a value of theirs, such as WHERE hash(user_id) % 10 = 0.',
    )
}

/** DISTINCT, ORDER BY and LIMIT need all rows, so they are of windows, or not at all. */
export function refuseModifiers(
  planning: Planning,
  node: QueryNode,
  relation: Relation,
  hasWindow: boolean,
): void {
  if (relation.kind === 'bounded') return
  const targets = node.modifiers.flatMap(({ distinct_on_targets: each }) => each ?? [])
  const isDistinctOn = targets.length > 0
  const names = targets.map(({ column_names: columns }) => columns?.at(-1)?.toLowerCase())
  const isByWindow = isDistinctOn ? names.includes('window_start') && names.includes('window_end') : hasWindow
  const isOfWindows = relation.kind === 'windows' && isByWindow
  const part = firstPart(node)
  for (const { type } of node.modifiers) {
    if (type === 'DISTINCT_MODIFIER' && !isOfWindows)
      refuseEndless(
        planning,
        part,
        'DISTINCT would remember all rows for ever: select from a window, with its window_start and window_end.',
      )
    if (type === 'ORDER_MODIFIER' && !(isOfWindows && isDistinctOn))
      refuseEndless(
        planning,
        part,
        'ORDER BY needs all rows, which never end: leave it out; for the first n of each window, take ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) and QUALIFY or WHERE.',
      )
    if (type.startsWith('LIMIT'))
      refuseEndless(
        planning,
        part,
        'LIMIT and OFFSET need all rows, which never end: for the first n of each window, take ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) and QUALIFY or WHERE.',
      )
  }
}
