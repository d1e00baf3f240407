// The state that clients see of a stream.
import type { Stream } from 'millrace'
import { describe, expect, it } from 'vitest'
import { defaultFacts, type StatusUntil } from '../../src/book/stream-facts.ts'
import { requireActive, statusOf, type StreamView } from '../../src/book/stream-view.ts'

const statusAt = (now: number, status: Stream['status'], statusUntil?: StatusUntil) =>
  statusOf({ status } as Stream, { ...defaultFacts, statusUntil }, now)

describe('the state of a stream', () => {
  it('is that of the broker, unless a change has left another one for a while', () => {
    expect(statusAt(0, 'ACTIVE')).toBe('ACTIVE')
    expect(statusAt(0, 'UPDATING')).toBe('UPDATING')
    expect(statusAt(9, 'ACTIVE', { status: 'CREATING', until: 10 })).toBe('CREATING')
    expect(statusAt(10, 'ACTIVE', { status: 'CREATING', until: 10 })).toBe('ACTIVE')
    expect(statusAt(10, 'UPDATING', { status: 'CREATING', until: 10 })).toBe('UPDATING')
  })

  it('stays DELETING until the stream is gone', () => {
    expect(statusAt(10, 'ACTIVE', { status: 'DELETING', until: 10 })).toBe('DELETING')
  })

  it('refuses changes in every state but one', () => {
    const inState = (status: StreamView['status']) => () =>
      requireActive({ name: 'clicks', status } as StreamView, '123456789012')
    expect(inState('ACTIVE')).not.toThrow()
    expect(inState('CREATING')).toThrow(
      'Stream clicks under account 123456789012 not ACTIVE, instead in state CREATING',
    )
  })
})
