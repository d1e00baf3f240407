// Promises of documents that are kept in memory: they follow what others change, what is changed through them is known at once,
// and whatever breaks on the way they end with what is there.
import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, MillraceError, text, type Client, type KeptDocuments } from '../../../client/index.ts'
import { outcomeOf } from '../../support/rejection.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeDocuments } from '../support/fake-documents.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

type Use = (client: Client, broker: FakeDocuments) => Promise<void>

async function withClient(use: Use, retry: object = {}): Promise<void> {
  const broker = new FakeDocuments()
  const policy = { backoffMinMs: 5, backoffMaxMs: 20, ...retry }
  const client = await driven(connect('millrace://fake', { dial: broker.dial, retry: policy }))
  await driven(use(client, broker))
  await driven(client.close())
}

const shown = (kept: KeptDocuments<number>) =>
  Object.fromEntries([...kept.entries()].map(([name, { value }]) => [name, value]))

/** The watch breaks connections that others use as well. */
async function insisting<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!MillraceError.is(error, 'connectionLost')) throw error
    }
  }
}

describe('kept documents', () => {
  it('are there at once, and follow what others put and delete', () =>
    withClient(async (client) => {
      const plans = client.documents<number>('plans')
      await plans.put('a', 1)
      await plans.put('b', 2)
      const kept = await plans.keep()
      expect(shown(kept)).toEqual({ a: 1, b: 2 })
      const told: unknown[] = []
      const stop = kept.onChange((name, value) => told.push([name, value]))
      await plans.put('a', 3)
      await turns()
      await plans.delete('b')
      await turns()
      expect(told).toEqual([
        ['a', 3],
        ['b', undefined],
      ])
      expect([kept.get('a'), kept.get('b')]).toEqual([3, undefined])
      stop()
      await plans.put('a', 4)
      await turns()
      expect([kept.get('a'), told.length]).toEqual([4, 2])
      await kept.close()
      await plans.put('a', 5)
      await turns()
      expect(kept.get('a')).toBe(4)
    }))

  it('know at once what is changed, read and deleted through them', () =>
    withClient(async (client) => {
      const plans = client.documents<number>('plans')
      const kept = await plans.keep()
      expect(await kept.update('a', (value = 0) => value + 1)).toBe(1)
      expect(kept.get('a')).toBe(1)
      const [, entry] = [...kept.entries()][0]!
      const { version } = await plans.put('b', 7)
      expect(await kept.read('b')).toMatchObject({ version, value: 7 })
      expect(kept.get('b')).toBe(7)
      expect(await outcomeOf(kept.delete('a', version))).toBe('versionConflict')
      expect(await kept.delete('a', entry.version)).toBe(true)
      expect([kept.get('a'), await kept.read('a')]).toEqual([undefined, undefined])
      await kept.close()
    }))

  it('add up what several of them change at the same moment', () =>
    withClient(async (client) => {
      const both = await Promise.all([1, 2].map(() => client.documents<number>('counters').keep()))
      await Promise.all(
        Array.from({ length: 10 }, (_, at) => both[at % 2]!.update('a', (value = 0) => value + 1)),
      )
      await turns()
      expect(both.map((kept) => kept.get('a'))).toEqual([10, 10])
    }))

  it('forget what was deleted while their watch had failed, and say that it had', () =>
    withClient(
      async (client, broker) => {
        const plans = client.documents<number>('plans')
        for (const name of ['a', 'b', 'c']) await plans.put(name, 1)
        const lost: Error[] = []
        const kept = await plans.keep({ onLost: (error) => lost.push(error) })
        broker.isDown = true
        broker.restart()
        while (lost.length === 0) await turns()
        broker.isDown = false
        await plans.delete('b')
        await plans.put('c', 2)
        while (kept.get('c') !== 2) await turns()
        expect(shown(kept)).toEqual({ a: 1, c: 2 })
        expect(lost[0]).toMatchObject({ code: 'unavailable' })
      },
      { giveUpAfterMs: 100 },
    ))

  it('forget what was put or read through them, and deleted by others before their watch told of it', () =>
    withClient(async (client, broker) => {
      const plans = client.documents<number>('plans')
      const kept = await plans.keep()
      await turns()
      let isHeld = true
      broker.disturb = ({ operation }) => (isHeld && operation === 'watchDocuments' ? 'lostBefore' : 'none')
      broker.restart()
      await insisting(() => kept.update('put', () => 1))
      await insisting(() => plans.put('read', 2))
      await insisting(() => kept.read('read'))
      expect(shown(kept)).toEqual({ put: 1, read: 2 })
      for (const name of ['put', 'read']) await insisting(() => plans.delete(name))
      isHeld = false
      await pass(1000, 50)
      expect(shown(kept)).toEqual({})
    }))

  it.each(['update', 'read'] as const)(
    'forget what is deleted before the answer to the %s of it has come',
    (operation) =>
      withClient(async (client, broker) => {
        const plans = client.documents<number>('plans')
        const kept = await plans.keep()
        if (operation === 'read') await plans.put('a', 1)
        await turns()
        let release = () => {}
        const held = new Promise<void>((resolve) => (release = resolve))
        const late = operation === 'read' ? 'getDocument' : 'putDocument'
        broker.delay = (asked) => (asked === late ? held : undefined)
        const answered = operation === 'read' ? kept.read('a') : kept.update('a', () => 1)
        await turns()
        await plans.delete('a')
        await turns()
        broker.delay = () => undefined
        release()
        await answered
        await turns()
        expect(shown(kept)).toEqual({})
      }),
  )

  it('know at once what was put through them in place of what another deleted meanwhile', () =>
    withClient(async (client) => {
      const plans = client.documents<number>('plans')
      await plans.put('a', 1)
      const kept = await plans.keep()
      await turns()
      let deletes = 1
      await kept.update('a', async (value) => {
        if (deletes-- > 0) {
          await plans.delete('a')
          await turns()
        }
        return (value ?? 0) + 10
      })
      expect(kept.get('a')).toBe(10)
    }))

  it('leave out one that the codec does not take, say so, and follow the others', () =>
    withClient(async (client) => {
      const raw = client.documents<string>('plans', { codec: text })
      await raw.put('a', 'no JSON')
      await raw.put('b', '2')
      const lost: Error[] = []
      const kept = await client.documents<number>('plans').keep({ onLost: (error) => lost.push(error) })
      expect(shown(kept)).toEqual({ b: 2 })
      await raw.put('b', 'nor this')
      await raw.put('c', '3')
      await turns()
      expect(shown(kept)).toEqual({ c: 3 })
      await raw.put('a', '1')
      await turns()
      expect(shown(kept)).toEqual({ a: 1, c: 3 })
      expect(lost.map((error) => (error as Error & { code?: string }).code)).toEqual([
        'codecFailed',
        'codecFailed',
      ])
    }))

  it('end with the client, and are refused by one that is closed or cannot ask', () =>
    withClient(async (client, broker) => {
      await client.documents<number>('plans').put('a', 1)
      const other = await connect('millrace://fake', { dial: broker.dial })
      const lost: Error[] = []
      const kept = await other.documents<number>('plans').keep({ onLost: (error) => lost.push(error) })
      await other.close()
      await pass(3000, 100)
      expect([kept.get('a'), lost]).toEqual([1, []])
      expect(await outcomeOf(other.documents('plans').keep())).toBe('closed')
      expect(await outcomeOf(client.documents('plans').keep({ onlost: 1 } as never))).toBe('invalidArgument')
      const stop = AbortSignal.abort()
      expect(await outcomeOf(client.documents('plans').keep({ signal: stop }))).toBe('aborted')
    }))

  it('end with all documents, whatever is changed, lost and restarted meanwhile', async () => {
    const step = fc.record({
      does: fc.constantFrom('put', 'put', 'update', 'delete', 'remove', 'restart', 'lose', 'wait'),
      name: fc.constantFrom('a', 'b', 'c'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await withClient(async (client, broker) => {
          const plans = client.documents<number>('plans')
          const both = await Promise.all([plans.keep(), plans.keep()])
          for (const [at, { does, name }] of steps.entries()) {
            const kept = both[at % 2]!
            if (does === 'put') await plans.put(name, at)
            else if (does === 'delete') await plans.delete(name)
            // Answers may be lost: what became of it is seen in the end.
            else if (does === 'update') await outcomeOf(kept.update(name, () => at))
            else if (does === 'remove') {
              const { version } = [...kept.entries()].find(([each]) => each === name)?.[1] ?? {}
              if (version !== undefined) await outcomeOf(kept.delete(name, version))
            } else if (does === 'restart') broker.restart()
            else if (does === 'wait') await turns()
            else {
              let losses = 2
              broker.disturb = ({ operation }) =>
                operation !== 'hello' && losses-- > 0 ? (at % 2 === 0 ? 'lostBefore' : 'lostAfter') : 'none'
            }
          }
          await plans.put('end', 1)
          const final: Record<string, number> = {}
          for await (const { name, value } of plans.list()) final[name] = value
          for (const kept of both) {
            const isOver = () => isDeepStrictEqual(shown(kept), final)
            while (!isOver()) await turns()
          }
        })
      }),
      { numRuns: 30 },
    )
  })
})
