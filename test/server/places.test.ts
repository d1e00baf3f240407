// Who holds a place, and who makes room.
import { expect, it } from 'vitest'
import { Places } from '../../broker/server/places.ts'

it('take: a comer gets the place of the one that has been idle for longest', () => {
  const places = new Places<string>(2)
  expect([places.take('a'), places.take('b'), places.take('c')]).toEqual([undefined, undefined, 'a'])
})

it('use: one that is being served keeps its place, and is the newest of the idle ones after', () => {
  const places = new Places<string>(2)
  places.take('a')
  places.take('b')
  const answered = places.use('a')
  expect(places.take('c')).toBe('b')
  answered()
  expect([places.take('d'), places.take('e')]).toEqual(['c', 'a'])
})

it('take: where all are being served, the first of them makes room', () => {
  const places = new Places<string>(1)
  places.take('a')
  const answered = places.use('a')
  expect(places.take('b')).toBe('a')
  answered()
  expect(places.take('c')).toBe('b')
})

it('leave: gives the place back, whatever its holder was doing', () => {
  const places = new Places<string>(1)
  places.take('a')
  places.use('a')
  places.leave('a')
  expect(places.take('b')).toBe(undefined)
})
