// When a producer has room: by bytes and by records, asked to wait at half, on again at a quarter, refused beyond.
import { describe, expect, it } from 'vitest'
import { BufferRoom } from '../../../../client/producer/buffer/room.ts'
import { MillraceError } from '../../../../client/index.ts'

function roomOf(limits: { bufferBytesMax: number; bufferRecordsMax: number }) {
  const load = { bufferedBytes: 0, bufferedRecords: 0 }
  const room = new BufferRoom({ stream: 'clicks', load, producerSettings: limits, monotonic: () => 0 })
  return { load, room }
}

const bounds = [
  { what: 'bytes', field: 'bufferedBytes', limit: 'bufferBytesMax' },
  { what: 'records', field: 'bufferedRecords', limit: 'bufferRecordsMax' },
] as const

describe.each(bounds)('room by $what', ({ field, limit }) => {
  const limits = { bufferBytesMax: Infinity, bufferRecordsMax: Infinity, [limit]: 100 }

  it('asks to wait from half of the bound on, and lets go on at a quarter', async () => {
    const { load, room } = roomOf(limits)
    load[field] = 49
    expect(room.ready()).toBeUndefined()
    load[field] = 50
    const ready = room.ready()
    expect(ready).toBeDefined()
    expect(room.ready()).toBe(ready)
    let hasRoom = false
    void ready!.then(() => (hasRoom = true))
    load[field] = 26
    room.drained()
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    load[field] = 24
    room.drained()
    await ready
    expect(room.ready()).toBeUndefined()
  })

  it('refuses at the bound, naming it, and takes below it', () => {
    const { load, room } = roomOf(limits)
    load[field] = 99
    expect(() => room.claim()).not.toThrow()
    load[field] = 100
    const refusal = (() => {
      try {
        return room.claim()
      } catch (error) {
        return error
      }
    })()
    expect(MillraceError.is(refusal, 'overloaded')).toBe(true)
    const { message, retryAfterMs } = refusal as MillraceError
    expect(message).toContain(`the limit is ${limit}, 100`)
    expect(retryAfterMs).toBeGreaterThan(0)
  })

  it('lets everyone go on at the end', async () => {
    const { load, room } = roomOf(limits)
    load[field] = 100
    const ready = room.ready()
    room.end()
    await expect(ready).resolves.toBeUndefined()
  })
})
