// Which holder of a place makes room.
import { expect, it } from 'vitest'
import { Places } from '../../../broker/server/places.ts'

it('Places.take: gives a newcomer the place of the holder that has been idle for longest', () => {
  const places = new Places<string>(2)
  expect([places.take('a'), places.take('b'), places.take('c')]).toEqual([undefined, undefined, 'a'])
})

it('Places.use: keeps the place of a holder that is being served, which is the newest idle one after', () => {
  const places = new Places<string>(2)
  places.take('a')
  places.take('b')
  const answered = places.use('a')
  expect(places.take('c')).toBe('b')
  answered()
  expect([places.take('d'), places.take('e')]).toEqual(['c', 'a'])
})

it('Places.take: takes the place of the first holder where all are being served', () => {
  const places = new Places<string>(1)
  places.take('a')
  const answered = places.use('a')
  expect(places.take('b')).toBe('a')
  answered()
  expect(places.take('c')).toBe('b')
})

it('Places.leave: frees the place of an idle or a served holder', () => {
  const places = new Places<string>(1)
  places.take('a')
  places.use('a')
  places.leave('a')
  expect(places.take('b')).toBe(undefined)
})
