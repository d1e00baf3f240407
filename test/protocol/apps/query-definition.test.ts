// Which units a query is carried out in, and under which names they keep what they know.
import { expect, it } from 'vitest'
import { queryUnits } from '../../../protocol/apps/query-definition.ts'

const spread = { stream: 'views.parts', streamId: 7, keys: { clicks: ['page'] } }

it('queryUnits: a query that is not shared is one unit, of its own name', () => {
  expect(queryUnits('views', {})).toEqual([{ name: 'views', stage: 'whole', part: 0 }])
})

it('queryUnits: a query that is shared by the partition key has a unit for each part', () => {
  expect(queryUnits('views', { sharing: { parts: 2 } })).toEqual([
    { name: 'views@0', stage: 'part', part: 0 },
    { name: 'views@1', stage: 'part', part: 1 },
  ])
})

it('queryUnits: a query that is shared by way of a stream has as many units that spread, and they come first', () => {
  expect(
    queryUnits('views', { sharing: { parts: 2, spread } }).map(({ name, stage, part }) => [
      name,
      stage,
      part,
    ]),
  ).toEqual([
    ['views@spread-0', 'spread', 0],
    ['views@spread-1', 'spread', 1],
    ['views@0', 'part', 0],
    ['views@1', 'part', 1],
  ])
})
