// Why the client waits: the last trouble of a stream or of the connections, until it is over.
import { expect, it } from 'vitest'
import { BrokerTroubles } from '../../src/send/broker-troubles.ts'

it('the last trouble of a stream or of the connections is told, and not that of other streams', () => {
  let now = 1000
  const troubles = new BrokerTroubles(() => now)
  troubles.note({ message: 'connected' })
  expect(troubles.of('clicks')).toBeUndefined()
  troubles.note({ message: 'tried again', stream: 'other', error: new Error('slow') })
  expect(troubles.of('clicks')).toBeUndefined()
  expect(troubles.of(undefined)?.message).toBe('tried again: slow')
  now = 2000
  troubles.note({ message: 'the connection was lost', error: new Error('ECONNRESET') })
  expect(troubles.of('clicks')).toEqual({ at: 2000, message: 'the connection was lost: ECONNRESET' })
  now = 3000
  troubles.note({ message: 'tried again', stream: 'clicks', error: new Error('no room') })
  expect(troubles.of('clicks')?.message).toBe('tried again: no room')
})

it('a trouble that did not come again for a minute is over', () => {
  let now = 0
  const troubles = new BrokerTroubles(() => now)
  troubles.note({ message: 'tried again', stream: 'clicks', error: new Error('slow') })
  now = 59_999
  expect(troubles.of('clicks')).toBeDefined()
  now = 60_000
  expect(troubles.of('clicks')).toBeUndefined()
})
