// What finds room on its way: chunks, bytes and records are bounded, and one chunk always goes.
import { expect, it } from 'vitest'
import { Room, ROOM_RECORDS_MAX } from '../../src/flows/room.ts'

it('is full of short records long before it is full of bytes', () => {
  const room = new Room(1_000)
  room.enter({ bytes: ROOM_RECORDS_MAX - 1, records: ROOM_RECORDS_MAX - 1 })
  expect(room.isFull).toBe(false)
  room.enter({ bytes: 1, records: 1 })
  expect(room.isFull).toBe(true)
  room.leave({ bytes: 1, records: 1 })
  expect(room.isFull).toBe(false)
})

it('is full of bytes, and of chunks, and has room for one chunk of any size', () => {
  const room = new Room(2)
  expect(room.isFull).toBe(false)
  room.enter({ bytes: 1e9, records: 1 })
  expect(room.isFull).toBe(true)
  room.leave({ bytes: 1e9, records: 1 })
  for (let chunk = 0; chunk < 2; chunk++) room.enter({ bytes: 1, records: 1 })
  expect(room.isFull).toBe(true)
  expect({ chunks: room.chunks, bytes: room.bytes }).toEqual({ chunks: 2, bytes: 2 })
})
