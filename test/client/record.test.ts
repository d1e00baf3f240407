// Records are refused before anything is sent, and what is wrong is named.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MillraceError } from '../../client/index.ts'
import { driven, fakeTime } from './support/drive.ts'
import { failureOf, plainRecord as record, withClient } from './support/refusals.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

describe('records', () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [null, 'The record is null; it must be an object with partitionKey and data.'],
    ['text', 'The record is "text"'],
    [{ data: 'x' }, 'partitionKey is undefined; it must be a string.'],
    [{ partitionKey: null, data: 'x' }, 'partitionKey is null'],
    [{ partitionKey: 7, data: 'x' }, 'partitionKey is 7'],
    [{ partitionKey: '', data: 'x' }, 'partition key'],
    [{ partitionKey: 'a', data: undefined }, 'data is undefined'],
    [{ partitionKey: 'a', data: null }, 'data is null'],
    [{ partitionKey: 'a', data: { b: 1 } }, 'data is an Object'],
    [{ partitionKey: 'a', data: 'x', timestamp: null }, 'timestamp is null; it must be a valid Date'],
    [{ partitionKey: 'a', data: 'x', timestamp: '2026' }, 'timestamp is "2026"'],
    [{ partitionKey: 'a', data: 'x', timestamp: 1.5 }, 'timestamp is 1.5'],
    [{ partitionKey: 'a', data: 'x', timestamp: new Date(NaN) }, 'timestamp is an invalid Date'],
    [{ partitionKey: 'a', data: 'x', explicitHashKey: 7 }, 'explicitHashKey is 7'],
    [{ partitionKey: 'a', data: 'x', explicitHashKey: null }, 'explicitHashKey is null'],
    [{ partitionKey: 'a', data: 'x', explicitHashKey: '-1' }, 'explicitHashKey: "-1"'],
    [{ partitionKey: 'a', data: 'x', headers: null }, 'headers is null'],
    [{ partitionKey: 'a', data: 'x', headers: [['n', 'v']] }, 'headers is an Array'],
    [{ partitionKey: 'a', data: 'x', headers: new Map([['n', 'v']]) }, 'headers is a Map'],
    [{ partitionKey: 'a', data: 'x', headers: { n: 7 } }, 'headers["n"] is 7; it must be bytes'],
    [{ partitionKey: 'a', data: 'x', headers: { n: null } }, 'headers["n"] is null'],
    [{ partitionKey: 'a', data: 'x', header: { n: 'v' } }, 'A record has no header. Did you mean headers?'],
    [{ partitionkey: 'a', data: 'x' }, 'partitionKey'],
    [{ partitionKey: 'a', data: 'x', timeStamp: 5 }, 'Did you mean timestamp?'],
  ]

  it.each(wrong)(
    '%j is refused by put, putMany and a producer, and what is wrong is named',
    async (given, message) => {
      await withClient(async (client, broker) => {
        const stored = broker.recordsOf(0).length
        const expected = {
          code: expect.stringMatching(/^(invalidArgument|codecFailed)$/) as string,
          message: expect.stringContaining(message) as string,
        }
        const producer = await driven(client.producer('clicks'))
        expect(await failureOf(() => client.put('clicks', given as never))).toMatchObject(expected)
        expect(await failureOf(() => producer.send(given as never))).toMatchObject(expected)
        expect(() => producer.push(given as never)).toThrow(expect.objectContaining(expected))
        const results = await driven(client.putMany('clicks', [record, given as never, record]))
        expect(results).toMatchObject([{ ok: true }, { ok: false, error: expected }, { ok: true }])
        await driven(producer.close())
        expect(broker.recordsOf(0)).toHaveLength(stored + 2)
      })
    },
  )

  it('that were read can be appended again', async () => {
    await withClient(async (client, broker) => {
      const copy = async () => {
        const producer = await client.producer('clicks')
        for await (const read of client.read('clicks')) await producer.send(read)
      }
      await driven(copy())
      expect(broker.recordsOf(0).map(({ partitionKey }) => partitionKey)).toHaveLength(6)
    })
  })

  it('of a producer are checked for unknown names, also after many valid ones', async () => {
    await withClient(async (client) => {
      const producer = await driven(client.producer('clicks'))
      for (let i = 0; i < 5000; i++) void producer.push(record)
      const misspelt = { ...record, timeStamp: 5 }
      const push = () => {
        for (let i = 0; i < 64; i++) void producer.push(misspelt)
      }
      expect(push).toThrow(MillraceError)
    })
  })
})
