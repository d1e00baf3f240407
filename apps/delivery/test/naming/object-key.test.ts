// Keys of objects: derived from what they hold, different for different objects, and inside their place.
import { expect, it } from 'vitest'
import { objectKey, writerOf, type ObjectIdentity } from '../../src/naming/object-key.ts'
import { partitionText } from '../../src/naming/partition-values.ts'
import { completed, readPrefix, type Prefix } from '../../src/naming/prefix.ts'

const identity: ObjectIdentity = {
  delivery: 'lake',
  version: 3,
  streamId: 7,
  shardIndex: 1,
  from: 10,
  to: 21,
  ms: Date.UTC(2026, 0, 2, 3, 4, 5),
  partition: '',
  part: '',
}
const form = (text: string, extension = '') => ({
  prefix: completed(readPrefix(text) as Prefix, 'objects'),
  timeZone: 'UTC',
  extension,
})

it('objectKey: has delivery, version, time, stream, shard and range in it', () => {
  expect(objectKey(form('logs/', '.gz'), identity)).toBe(
    'logs/2026/01/02/03/lake-3-2026-01-02-03-04-05-7-1-10-20.gz',
  )
})

it('objectKey: times of the name and of the prefix are those of the time zone', () => {
  expect(objectKey({ ...form(''), timeZone: 'Asia/Tokyo' }, identity)).toBe(
    '2026/01/02/12/lake-3-2026-01-02-12-04-05-7-1-10-20',
  )
})

it('objectKey: objects of one range that hold different things have different names, whatever the prefix', () => {
  const keys = ['', partitionText({ query: { a: '1' } }), partitionText({ query: { a: '2' } })]
    .map((partition) => objectKey(form('x/!{timestamp:yyyy}/'), { ...identity, partition }))
    .concat(objectKey(form('x/!{timestamp:yyyy}/'), { ...identity, part: 'backup' }))
  expect(new Set(keys).size).toBe(keys.length)
})

it.each([
  ['../../etc', 'p/%2E%2E/%2E%2E/etc/'],
  ['.', 'p/%2E/'],
  ['a\nb\0', 'p/a%0Ab%00/'],
  ['a\\..\\b', 'p/a%5C..%5Cb/'],
])('objectKey: the value %j leads nowhere else', (value, prefix) => {
  const partition = partitionText({ query: { k: value } })
  const key = objectKey(form('p/!{partitionKeyFromQuery:k}/!{timestamp:yyyy}/'), { ...identity, partition })
  expect(key?.startsWith(`${prefix}2026/lake-3-`)).toBe(true)
})

it('objectKey: a value at the beginning makes no absolute path', () => {
  const partition = partitionText({ query: { k: '/etc' } })
  expect(objectKey(form('!{partitionKeyFromQuery:k}/'), { ...identity, partition })).toMatch(/^etc\/2026/)
})

it('objectKey: is none where the key, or a name in it, would be too long', () => {
  const of = (k: string) =>
    objectKey(form('!{partitionKeyFromQuery:k}/'), {
      ...identity,
      partition: partitionText({ query: { k } }),
    })
  expect(of('x'.repeat(255))).toBeDefined()
  expect(of('x'.repeat(256))).toBeUndefined()
  expect(of('xx/'.repeat(340))).toBeUndefined()
})

it('writerOf: tells shards apart, also of deliveries whose names end alike, and is short', () => {
  const shards = ['b', 'a-b', 'a'].flatMap((delivery) =>
    [1, 11].flatMap((streamId) => [0, 1, 10].map((shardIndex) => ({ delivery, streamId, shardIndex }))),
  )
  const writers = shards.map(writerOf)
  expect(new Set(writers).size).toBe(shards.length)
  expect(shards.map(writerOf)).toEqual(writers)
  for (const writer of writers) expect(writer).toMatch(/^[a-z0-9]{24}$/)
})
