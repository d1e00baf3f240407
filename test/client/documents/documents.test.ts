// Promises of the client's documents: values come back as they were put, conditions hold whatever is lost on the way, and a
// watch ends with what is there.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  bytes,
  connect,
  text,
  type Client,
  type Codec,
  type DocumentChange,
  type Documents,
} from '../../../client/index.ts'
import { outcomeOf, rejectionOf } from '../../support/rejection.ts'
import type { ResponseOf } from '../../../protocol/operations.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeDocuments } from '../support/fake-documents.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

interface Plan {
  readonly steps: number
}

async function withClient(use: (client: Client, broker: FakeDocuments) => Promise<void>): Promise<void> {
  const broker = new FakeDocuments()
  const retry = { backoffMinMs: 5, backoffMaxMs: 20 }
  const client = await driven(connect('millrace://fake', { dial: broker.dial, retry }))
  await driven(use(client, broker))
  await driven(client.close())
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('a document', () => {
  it('comes back as it was put, with its version and its time', () =>
    withClient(async (client) => {
      const plans = client.documents<Plan>('plans')
      expect(await plans.get('a')).toBeUndefined()
      const before = Date.now()
      const { version } = await plans.put('a', { steps: 3 })
      const after = Date.now()
      const found = (await plans.get('a'))!
      expect(found).toEqual({ name: 'a', version, updatedAt: found.updatedAt, value: { steps: 3 } })
      expect(found.updatedAt.getTime()).toBeGreaterThanOrEqual(before)
      expect(found.updatedAt.getTime()).toBeLessThanOrEqual(after)
      expect(await client.documents('others').get('a')).toBeUndefined()
    }))

  it('is put and deleted on condition of its version, and the refusal tells the current one', () =>
    withClient(async (client) => {
      const plans = client.documents<Plan>('plans')
      const { version } = await plans.put('a', { steps: 1 }, { expectedVersion: 0 })
      const conflict = await rejectionOf(plans.put('a', { steps: 2 }, { expectedVersion: 0 }))
      expect([conflict.code, conflict.currentVersion]).toEqual(['versionConflict', version])
      const second = await plans.put('a', { steps: 2 }, { expectedVersion: version })
      expect(await outcomeOf(plans.delete('a', { expectedVersion: version }))).toBe('versionConflict')
      expect(await plans.delete('a', { expectedVersion: second.version })).toBe(true)
      expect(await plans.delete('a')).toBe(false)
    }))

  it('goes through the codec of its kind', () =>
    withClient(async (client) => {
      const raw = client.documents('raw', { codec: bytes as Codec<Uint8Array> })
      await raw.put('a', Uint8Array.of(0, 255, 7))
      expect((await raw.get('a'))!.value).toEqual(Uint8Array.of(0, 255, 7))
      const notes = client.documents('notes', { codec: text })
      await notes.put('a', '\ufeffünï')
      expect((await notes.get('a'))!.value).toBe('\ufeffünï')
      const schema = z.object({ steps: z.number() })
      const checked = client.documents('plans', { codec: { schema } })
      expect(await outcomeOf(checked.put('a', { steps: '3' } as never))).toBe('codecFailed')
      await client.documents('plans').put('a', { steps: 'three' })
      const error = await rejectionOf(checked.get('a'))
      expect([error.code, error.message]).toEqual(['codecFailed', expect.stringContaining('"a"')])
      const broken: Codec<number> = { name: 'broken', encode: () => 7 as never, decode: () => 7 }
      expect(await outcomeOf(client.documents('plans', { codec: broken }).put('a', 1))).toBe('codecFailed')
    }))

  it('is refused by what is wrong with it', () =>
    withClient(async (client, broker) => {
      expect(() => client.documents('Plans')).toThrow('a–z')
      expect(() => client.documents('')).toThrow('must not be empty')
      expect(() => client.documents(7 as never)).toThrow('kind is 7')
      const plans = client.documents('plans')
      const large = 'x'.repeat(256 * 1024)
      for (const wrong of [
        plans.put('', 1),
        plans.put('a\n', 1),
        plans.put('a', large),
        plans.get(7 as never),
        plans.update('a', 'fast' as never),
        plans.put('a', 1, { expectedVersion: -1 }),
        plans.delete('a', { expectedVersion: 0 }),
      ]) {
        expect(await outcomeOf(wrong)).toBe('invalidArgument')
      }
      broker.smallRows.isFull = true
      expect(await outcomeOf(client.documents('plans').put('a', 1))).toBe('storageFull')
    }))
})

describe('a lost answer', () => {
  /** Loses the answer to the first request of that name. */
  function loseOne(broker: FakeDocuments, name: string, how: 'lostBefore' | 'lostAfter'): void {
    let isLost = false
    broker.disturb = ({ operation }) => {
      if (operation !== name || isLost) return 'none'
      isLost = true
      return how
    }
  }

  it.each(['lostBefore', 'lostAfter'] as const)('does no harm to what has no condition (%s)', (how) =>
    withClient(async (client, broker) => {
      const plans = client.documents<number>('plans')
      loseOne(broker, 'putDocument', how)
      await plans.put('a', 1)
      expect((await plans.get('a'))!.value).toBe(1)
      loseOne(broker, 'deleteDocument', how)
      expect(await plans.delete('a')).toBe(how === 'lostBefore')
      expect(await plans.get('a')).toBeUndefined()
    }),
  )

  it('to a put with a condition is told, since it may have been stored', () =>
    withClient(async (client, broker) => {
      const plans = client.documents<number>('plans')
      loseOne(broker, 'putDocument', 'lostAfter')
      const error = await rejectionOf(plans.put('a', 1, { expectedVersion: 0 }))
      expect([error.code, error.sideEffects]).toEqual(['connectionLost', 'possible'])
      expect((await plans.get('a'))!.value).toBe(1)
      loseOne(broker, 'putDocument', 'lostAfter')
      expect(await outcomeOf(plans.update('a', (value) => value! + 1))).toBe('connectionLost')
      expect((await plans.get('a'))!.value).toBe(2)
    }))
})

describe('an update', () => {
  it('adds up, however many are made at once', () =>
    withClient(async (client) => {
      const counters = client.documents<number>('counters')
      const added = Array.from({ length: 20 }, () => counters.update('a', (value = 0) => value + 1))
      const versions = (await Promise.all(added)).map(({ version }) => version)
      expect(new Set(versions).size).toBe(20)
      expect((await counters.get('a'))!.value).toBe(20)
    }))

  it('gives up with the conflict when others are always faster', () =>
    withClient(async (client) => {
      const counters = client.documents<number>('counters')
      let calls = 0
      const beaten = counters.update('a', async () => {
        await counters.put('a', ++calls)
        return 0
      })
      expect(await outcomeOf(beaten)).toBe('versionConflict')
      expect(calls).toBeGreaterThan(10)
    }))

  it('fails with what its function throws, and changes nothing', () =>
    withClient(async (client) => {
      const counters = client.documents<number>('counters')
      await counters.put('a', 1)
      const failing = counters.update('a', () => {
        throw new RangeError('no more')
      })
      await expect(failing).rejects.toThrow('no more')
      expect((await counters.get('a'))!.value).toBe(1)
    }))
})

describe('a list', () => {
  it('is read as a whole, or a page at a time', () =>
    withClient(async (client) => {
      const plans = client.documents<number>('plans')
      for (const [at, name] of ['b', 'a/2', 'a/1', 'c'].entries()) await plans.put(name, at)
      expect((await collect(plans.list())).map(({ name, value }) => [name, value])).toEqual([
        ['a/1', 2],
        ['a/2', 1],
        ['b', 0],
        ['c', 3],
      ])
      const first = await plans.list({ prefix: 'a' }).page({ limit: 1 })
      expect([first.items.map(({ name }) => name), first.next]).toEqual([['a/1'], 'a/1'])
      const rest = await plans.list({ prefix: 'a' }).page({ after: first.next })
      expect([rest.items.map(({ name }) => name), rest.next]).toEqual([['a/2'], undefined])
    }))
})

describe('an answer that does not lead on', () => {
  const lists: Record<string, (client: Client) => AsyncIterable<unknown>> = {
    list: (client) => client.documents<number>('plans').list(),
    watch: (client) => client.documents<number>('plans').watch(),
  }
  const pages: Record<string, (page: ResponseOf<'listDocuments'>, count: number) => object> = {
    'the same page again': () => ({ hasMore: true }),
    'an empty page, behind which there is more': () => ({ documents: [], hasMore: true }),
    'an order of its own': ({ documents }) => ({ documents: documents.toReversed() }),
  }
  const cases = Object.keys(lists).flatMap((call) => Object.keys(pages).map((page) => [call, page] as const))

  it.each(cases)('%s: refuses %s', (call, page) =>
    withClient(async (client, broker) => {
      for (const name of ['\uffff', '\u{1f600}', 'a']) await client.documents<number>('plans').put(name, 1)
      let count = 0
      broker.rewrite = (operation, answer) =>
        operation === 'listDocuments'
          ? { ...answer, ...pages[page]!(answer as ResponseOf<'listDocuments'>, count++) }
          : answer
      expect(await outcomeOf(collect(lists[call]!(client)))).toBe('invalidAnswer')
      expect(count).toBeLessThanOrEqual(2)
    }),
  )

  it.each<[string, (answer: ResponseOf<'watchDocuments'>) => object]>([
    ['to an earlier version of all', ({ version }) => ({ version: version - 1 })],
    [
      'to an earlier version of one document',
      ({ documents }) => ({ documents: documents.map((each) => ({ ...each, version: 0 })) }),
    ],
  ])('watch: refuses to go back %s', (_what, change) =>
    withClient(async (client, broker) => {
      const plans = client.documents<number>('plans')
      await plans.put('a', 1)
      const watching = outcomeOf(collect(plans.watch()))
      await turns()
      broker.rewrite = (operation, answer) =>
        operation === 'watchDocuments'
          ? { ...answer, ...change(answer as ResponseOf<'watchDocuments'>) }
          : answer
      if (_what.endsWith('document')) await plans.put('a', 2)
      expect(await watching).toBe('invalidAnswer')
    }),
  )

  it.each<[string, object]>([
    ['answers at once with nothing', {}],
    ['never knows all changes', { isComplete: false }],
  ])('watch: asks a broker ever more seldom that %s', async (_what, change) => {
    const broker = new FakeDocuments()
    const retry = { backoffMinMs: 5, backoffMaxMs: 20 }
    const client = await driven(connect('millrace://fake', { dial: broker.dial, retry }))
    broker.disturb = ({ operation, request }) => {
      if (operation === 'watchDocuments') Object.assign(request, { maxWaitMs: 0 })
      return 'none'
    }
    broker.rewrite = (operation, answer) =>
      operation === 'watchDocuments' ? { ...answer, ...change } : answer
    const told = collect(client.documents<number>('plans').watch())
    await pass(2000, 10)
    // A backoff of 20 ms at most, of which half is random.
    expect(broker.received.filter((operation) => operation === 'watchDocuments').length).toBeLessThan(250)
    await driven(client.close())
    expect(await driven(told)).toEqual([])
  })
})

describe('a watch', () => {
  const shown = (change: DocumentChange<unknown>) =>
    change.type === 'put' ? `${change.name}=${String(change.value)}` : `${change.name} is gone`

  /** Applies changes to a copy until `isOver` says so of it. */
  async function copyOf<T>(
    changes: AsyncIterable<DocumentChange<T>>,
    isOver: (copy: ReadonlyMap<string, T>) => boolean,
  ): Promise<ReadonlyMap<string, T>> {
    const copy = new Map<string, T>()
    for await (const change of changes) {
      if (change.type === 'put') copy.set(change.name, change.value)
      else copy.delete(change.name)
      if (isOver(copy)) break
    }
    return copy
  }

  it('tells what is there, then what changes, each once', () =>
    withClient(async (client) => {
      const plans = client.documents<number>('plans')
      await plans.put('a', 1)
      await plans.put('b', 2)
      const changes = plans.watch()[Symbol.asyncIterator]()
      const next = async () => shown((await changes.next()).value as DocumentChange<number>)
      expect([await next(), await next()]).toEqual(['a=1', 'b=2'])
      const told = next()
      await turns()
      await plans.put('a', 3)
      expect(await told).toBe('a=3')
      await plans.delete('b')
      await client.documents('others').put('a', 9)
      expect(await next()).toBe('b is gone')
      await changes.return!()
      expect(await changes.next()).toEqual({ done: true, value: undefined })
    }))

  it('goes on when the broker was gone, and tells only what differs', () =>
    withClient(async (client, broker) => {
      const plans = client.documents<number>('plans')
      for (const name of ['a', 'b', 'c']) await plans.put(name, 1)
      const changes = plans.watch()[Symbol.asyncIterator]()
      const next = async () => shown((await changes.next()).value as DocumentChange<number>)
      expect([await next(), await next(), await next()]).toEqual(['a=1', 'b=1', 'c=1'])
      const told = next()
      await turns()
      broker.isDown = true
      broker.restart()
      await turns()
      broker.isDown = false
      await plans.put('b', 2)
      await plans.delete('c')
      broker.restart()
      expect(new Set([await told, await next()])).toEqual(new Set(['b=2', 'c is gone']))
      await changes.return!()
    }))

  it('ends when its loop is left, when the client closes, and throws when its signal fires', () =>
    withClient(async (client, broker) => {
      const plans = client.documents<number>('plans')
      await plans.put('a', 1)
      for await (const change of plans.watch()) if (shown(change) === 'a=1') break
      const stop = new AbortController()
      const aborted = outcomeOf(collect(plans.watch({ signal: stop.signal })))
      await turns()
      stop.abort()
      expect(await aborted).toBe('aborted')
      expect(await outcomeOf(collect(plans.watch({ signal: stop.signal })))).toBe('aborted')

      const other = await connect('millrace://fake', { dial: broker.dial })
      const closed = collect(other.documents<number>('plans').watch())
      await turns()
      await other.close()
      expect((await closed).map(shown)).toEqual(['a=1'])
      expect(await outcomeOf(collect(other.documents('plans').watch()))).toBe('closed')
    }))

  it('throws for a document that its codec does not take', () =>
    withClient(async (client) => {
      await client.documents('plans', { codec: text }).put('a', 'no JSON')
      expect(await outcomeOf(collect(client.documents('plans').watch()))).toBe('codecFailed')
    }))

  it('gives up when the broker was gone for as long as it was told to wait', async () => {
    const broker = new FakeDocuments()
    const retry = { backoffMinMs: 5, giveUpAfterMs: 1000 }
    const client = await driven(connect('millrace://fake', { dial: broker.dial, retry }))
    const watching = outcomeOf(collect(client.documents('plans').watch()))
    await turns()
    broker.isDown = true
    broker.restart()
    expect(await driven(watching)).toBe('unavailable')
    await driven(client.close())
  })

  it('ends with all documents, whatever is changed, lost and restarted meanwhile', async () => {
    const step = fc.record({
      does: fc.constantFrom('put', 'put', 'put', 'delete', 'restart', 'lose', 'wait'),
      name: fc.constantFrom('a1', 'a2', 'b1', 'b2', 'b3'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await withClient(async (client, broker) => {
          const plans: Documents<number> = client.documents('plans')
          /** What there is in the end, once that is known. */
          const final: { documents?: Readonly<Record<string, number>> } = {}
          const following = (prefix: string) =>
            copyOf(plans.watch({ prefix }), (copy) => {
              const wanted = Object.entries(final.documents ?? {}).filter(([name]) => name.startsWith(prefix))
              return copy.size === wanted.length && wanted.every(([name, value]) => copy.get(name) === value)
            })
          const copies = [following(''), following('a')]
          for (const [at, { does, name }] of steps.entries()) {
            if (does === 'put') await plans.put(name, at)
            else if (does === 'delete') await plans.delete(name)
            else if (does === 'restart') broker.restart()
            else if (does === 'wait') await turns()
            else {
              let losses = 2
              broker.disturb = ({ operation }) =>
                operation !== 'hello' && losses-- > 0 ? (at % 2 === 0 ? 'lostBefore' : 'lostAfter') : 'none'
            }
          }
          const found = (await collect(plans.list())).map(({ name, value }) => [name, value] as const)
          final.documents = { ...Object.fromEntries(found), 'a-end': 1 }
          await plans.put('a-end', 1)
          await Promise.all(copies)
        })
      }),
      { numRuns: 30 },
    )
  })
})
