// The quota of a principal on the groups that it makes.
import { expect, it } from 'vitest'
import { MemorySmallRows } from '../support/memory-small-rows.ts'
import { settled } from '../support/fake-time.ts'
import { GroupsOnRows } from '../groups/support/groups-on-rows.ts'

const quotas = { mostOf: (quota: string, by: string) => (quota === 'groups' && by === 'shop' ? 2 : Infinity) }

function open(rows: MemorySmallRows): GroupsOnRows {
  return new GroupsOnRows(rows.open(), { shardCount: 1, quotas })
}

it('refuses the group too many of a principal, that it may join what others made, and counts over restarts', async () => {
  const rows = new MemorySmallRows()
  const first = open(rows)
  const join = async (groups: GroupsOnRows, name: string, by?: string) => {
    const answer = await groups.join(name, 'm', undefined, by)
    return answer.is === 'refused' ? answer.code : answer.is
  }
  // Both at the same time: the second one counts although the first is not stored yet.
  const both = ['a', 'b', 'c'].map((name) => join(first, name, 'shop'))
  expect((await Promise.all(both)).toSorted()).toEqual(['joined', 'joined', 'limitExceeded'])
  expect(await join(first, 'of-bank', 'bank')).toBe('joined')
  expect(await join(first, 'of-nobody')).toBe('joined')
  first.groups.stop()
  const second = open(rows)
  await settled()
  for (const name of ['a', 'b']) await second.groups.stateOf(name)
  expect(await join(second, 'd', 'shop')).toBe('limitExceeded')
  await second.tell('a', { type: 'delete', isForced: true })
  await settled()
  expect(await join(second, 'd', 'shop')).toBe('joined')
  second.groups.stop()
})
