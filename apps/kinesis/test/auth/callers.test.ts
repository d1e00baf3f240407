// Clients of callers: one for each, shared, bounded, and closed when nobody uses them.
import type { Client, Grant } from 'millrace'
import { expect, test } from 'vitest'
import { Callers, CALLERS_MAX, GRANTS_FRESH_MS, IDLE_MS } from '../../src/auth/callers.ts'

/** Stands in for a broker: clients that know their principal's grants, and whether they were closed. */
class Connections {
  readonly opened: string[] = []
  readonly closed: string[] = []
  grants: Grant[] = []
  asked = 0
  fails = false

  readonly connectAs = (principal: string): Promise<Client> => {
    if (this.fails) return Promise.reject(new Error('no broker'))
    this.opened.push(principal)
    const client: Pick<Client, 'close'> & { access: object } = {
      close: () => {
        this.closed.push(principal)
        return Promise.resolve()
      },
      access: {
        describePrincipal: () => {
          this.asked += 1
          return Promise.resolve({ grants: this.grants })
        },
      },
    }
    return Promise.resolve(client as Client)
  }
}

function callersOf(connections: Connections) {
  const time = { now: 1_000_000, elapsed: 0 }
  const callers = new Callers({
    connectAs: connections.connectAs,
    now: () => time.now,
    elapsed: () => time.elapsed,
  })
  return { callers, time }
}

const ended = () => AbortSignal.abort()
const lasting = () => new AbortController().signal

test('Callers: share one client for each principal', async () => {
  const connections = new Connections()
  const { callers } = callersOf(connections)
  const [first, second, other] = await Promise.all([
    callers.use('alice', ended()),
    callers.use('alice', ended()),
    callers.use('bob', ended()),
  ])
  expect(first).toBe(second)
  expect(other?.principal).toBe('bob')
  expect(connections.opened).toEqual(['alice', 'bob'])
  await callers.close()
  expect(connections.closed.sort()).toEqual(['alice', 'bob'])
})

test('Callers: close a client that nobody used for long, and none that is in use', async () => {
  const connections = new Connections()
  const { callers, time } = callersOf(connections)
  const request = new AbortController()
  await callers.use('busy', request.signal)
  await callers.use('idle', ended())
  time.elapsed += IDLE_MS
  await callers.use('other', ended())
  await expect.poll(() => connections.closed).toEqual(['idle'])
  request.abort()
  time.elapsed += IDLE_MS
  callers.sweep()
  await expect.poll(() => connections.closed.sort()).toEqual(['busy', 'idle', 'other'])
  expect(callers.size).toBe(0)
})

test('Callers: are bounded, and refuse a further one where all are in use', async () => {
  const connections = new Connections()
  const { callers } = callersOf(connections)
  for (let at = 0; at < CALLERS_MAX; at++) await callers.use(`idle-${at}`, ended())
  await callers.use('one more', ended())
  expect(callers.size).toBe(CALLERS_MAX)
  await expect.poll(() => connections.closed).toEqual(['idle-0'])
  for (let at = 1; at < CALLERS_MAX; at++) await callers.use(`idle-${at}`, lasting())
  await callers.use('one more', lasting())
  await expect(callers.use('too many', lasting())).rejects.toMatchObject({
    code: 'ServiceUnavailableException',
  })
})

test('Callers: try again after a connection that failed', async () => {
  const connections = new Connections()
  const { callers } = callersOf(connections)
  connections.fails = true
  await expect(callers.use('alice', lasting())).rejects.toThrow('no broker')
  connections.fails = false
  expect((await callers.use('alice', ended())).principal).toBe('alice')
})

test('Caller: may what its grants say, and no longer than a moment after they change', async () => {
  const connections = new Connections()
  const { callers, time } = callersOf(connections)
  connections.grants = [
    { kind: 'stream', pattern: 'clicks', actions: ['write'], expiresAt: undefined },
    { kind: 'stream', pattern: 'old', actions: ['read'], expiresAt: new Date(time.now) },
  ]
  const alice = await callers.use('alice', ended())
  expect(await alice.may('write', 'clicks')).toBe(true)
  expect(await alice.may('describe', 'clicks')).toBe(true)
  expect(await alice.may('read', 'clicks')).toBe(false)
  expect(await alice.may('write', 'other')).toBe(false)
  expect(await alice.may('read', 'old')).toBe(false)
  expect(connections.asked).toBe(1)
  connections.grants = []
  time.elapsed += GRANTS_FRESH_MS
  expect(await alice.may('write', 'clicks')).toBe(false)
})
