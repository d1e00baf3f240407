// What a member is told of the streams of its group: once each, and nothing of a stream that was never there.
import { expect, it } from 'vitest'
import { KnownStreams } from '../../../client/groups/known-streams.ts'

it('streams that go, and that are made again, are told once; made again unseen, as both', () => {
  const known = new KnownStreams()
  const heard = (s: number | undefined, t: number | undefined): readonly string[] =>
    known
      .heard([
        { name: 's', streamId: s },
        { name: 't', streamId: t },
      ])
      .map((event) => `${event.type} ${'stream' in event ? event.stream : ''}`)
  expect(heard(1, undefined)).toEqual([])
  expect(heard(1, 2)).toEqual([])
  expect(heard(1, undefined)).toEqual(['streamGone t'])
  expect(heard(1, undefined)).toEqual([])
  expect(heard(1, 3)).toEqual(['streamRecreated t'])
  expect(heard(4, 3)).toEqual(['streamGone s', 'streamRecreated s'])
  expect(heard(4, 3)).toEqual([])
})
