// Why readers of shards are where they are: the parts that reports of groups and of registered consumers share. Pure.
import { formatCount } from './amounts.ts'
import { formatTable, type Room } from './table.ts'

/** Names that are told of a list; of the others, how many they are. */
const NAMES_SHOWN_MAX = 3

/** The sentences of the shards, the most urgent first; shards with the same one are told together. */
export function reasonTable<R extends string>(
  shards: readonly { readonly name: string; readonly reason: R; readonly detail: string }[],
  urgency: Readonly<Record<R, number>>,
  room: Room,
): string {
  const alike = new Map<string, { readonly reason: R; readonly names: string[] }>()
  for (const { name, reason, detail } of shards) {
    const sentence = `${reason}: ${detail}`
    const others = alike.get(sentence)
    if (others === undefined) alike.set(sentence, { reason, names: [name] })
    else others.names.push(name)
  }
  const told = [...alike].sort(([, a], [, b]) => urgency[a.reason] - urgency[b.reason])
  const rows = told.map(([sentence, { names }]) => [namesOf(names), sentence])
  return formatTable(['shard', 'reason'], rows, room)
}

/** A list of names, cut where it is long. */
export function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ')
  const others = names.length - NAMES_SHOWN_MAX
  return others > 0 ? `${shown} and ${formatCount(others)} more` : shown
}
