// Shard ids in Kinesis' form and its abbreviations.
import { expect, test } from 'vitest'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { parseShardId, shardIdOf } from '../../../protocol/shards/shard-id.ts'

test.each([0, 3, 4095, 2_147_483_647])('parseShardId: reads what shardIdOf writes for %i', (index) => {
  expect(parseShardId(shardIdOf(index))).toBe(index)
})

test("shardIdOf: has Kinesis' form", () => {
  expect(shardIdOf(3)).toBe('shardId-000000000003')
})

test.each(['shardId-3', 'shard-3', '3', '000000000003'])(
  'parseShardId: takes the abbreviation %s',
  (text) => {
    expect(parseShardId(text)).toBe(3)
  },
)

test.each(['', 'shard', 'shardId-', '-1', '1.5', 'x3', '3 ', '2147483648', 'shardId-0000000000003'])(
  'parseShardId: refuses %j',
  (text) => {
    expect(() => parseShardId(text)).toThrow(MillraceError)
  },
)
