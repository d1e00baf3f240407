// The producers behind `put`: closed only when nothing of them is waited for or under way, however many streams there are.
import { describe, expect, it } from 'vitest'
import { connect, type Acknowledgement, type Client, type RecordInput } from '../../../../client/index.ts'
import { Putters, type PutProducer } from '../../../../client/producer/buffer/putters.ts'
import { deferred, type Deferred } from '../../../../client/waiting.ts'
import { MillraceError } from '../../../../protocol/index.ts'
import { turns } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'

/** A producer that stores what it is sent when a test says so, and refuses what it has no room for. */
class ManualProducer implements PutProducer {
  room = Infinity
  isClosed = false
  readonly sent: { data: string; stored: Deferred<Acknowledgement> }[] = []
  #waiting: Deferred<void> | undefined

  ready(): Promise<void> | undefined {
    return this.sent.length < this.room ? undefined : (this.#waiting ??= deferred()).promise
  }

  send(record: RecordInput): Promise<Acknowledgement> {
    if (this.isClosed) return Promise.reject(new MillraceError('closed', 'closed'))
    if (this.sent.length >= this.room) return Promise.reject(new MillraceError('overloaded', 'no room'))
    const stored = deferred<Acknowledgement>()
    this.sent.push({ data: Buffer.from(record.data).toString(), stored })
    return stored.promise
  }

  storeAll(): void {
    for (const [i, { stored }] of this.sent.entries())
      stored.resolve({ sequenceNumber: i } as Acknowledgement)
  }

  makeRoom(count: number): void {
    this.room += count
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }
}

function putting(sizeMax: number) {
  const made: ManualProducer[] = []
  const opened: string[] = []
  const putters = new Putters((stream) => {
    opened.push(stream)
    made.push(new ManualProducer())
    return Promise.resolve(made.at(-1)!)
  }, sizeMax)
  const put = (stream: string, data: string | Uint8Array = 'x', signal?: AbortSignal) => {
    const stored = putters.put(stream, { partitionKey: 'k', data }, signal)
    stored.catch(() => {})
    return stored
  }
  return { putters, made, opened, put }
}

describe('Putters', () => {
  it('a producer whose record is under way is not closed, however many other streams are put to', async () => {
    const { putters, made, put } = putting(2)
    const puts = Array.from({ length: 50 }, (_, i) => put(`s${i}`))
    await turns()
    expect(putters.size).toBe(50)
    expect(made.filter(({ isClosed }) => isClosed)).toHaveLength(0)
    for (const producer of made) producer.storeAll()
    await Promise.all(puts)
    expect(putters.size).toBe(2)
    expect(made.filter(({ isClosed }) => !isClosed)).toHaveLength(2)
  })

  it('of those that are not in use, the one that was used longest ago is closed first', async () => {
    const { made, opened, put } = putting(2)
    const store = async (stream: string) => {
      const stored = put(stream)
      await turns()
      for (const producer of made) producer.storeAll()
      await stored
    }
    for (const stream of ['a', 'b', 'a', 'c', 'a', 'b']) await store(stream)
    expect(opened).toEqual(['a', 'b', 'c', 'b'])
    expect(made.map(({ isClosed }) => isClosed)).toEqual([false, true, true, false])
  })

  it('a record under way keeps its producer when the signal of its put has fired', async () => {
    const { made, put } = putting(1)
    const aborter = new AbortController()
    const given = put('a', 'x', aborter.signal)
    await turns()
    aborter.abort()
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    const other = put('b')
    await turns()
    made[1]!.storeAll()
    await other
    expect(made.map(({ isClosed }) => isClosed)).toEqual([false, true])
    made[0]!.storeAll()
  })

  it('puts for which there is no room wait in the order of their calls, and none is refused', async () => {
    const { made, put } = putting(1)
    const first = put('a', '0')
    await turns()
    made[0]!.room = 1
    const others = Array.from({ length: 20 }, (_, i) => put('a', `${i + 1}`))
    for (let i = 0; i < 20; i++) {
      await turns(1)
      made[0]!.makeRoom(i % 3)
      if (i % 2 === 0) others.push(put('a', `${others.length + 1}`))
    }
    made[0]!.makeRoom(100)
    await turns()
    expect(made[0]!.sent.map(({ data }) => data)).toEqual(Array.from({ length: 31 }, (_, i) => `${i}`))
    made[0]!.storeAll()
    await Promise.all([first, ...others])
  })

  it('a put whose signal fires while it waits is not sent, and those behind it are', async () => {
    const { made, put } = putting(1)
    void put('a', '0')
    await turns()
    made[0]!.room = 1
    const aborter = new AbortController()
    const given = put('a', '1', aborter.signal)
    void put('a', '2')
    aborter.abort()
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    made[0]!.makeRoom(10)
    await turns()
    expect(made[0]!.sent.map(({ data }) => data)).toEqual(['0', '2'])
  })

  it('a record that waits is sent as it was when it was put', async () => {
    const { made, put } = putting(1)
    const memory = Buffer.from('one')
    void put('a', memory)
    memory.write('two')
    await turns()
    expect(made[0]!.sent.map(({ data }) => data)).toEqual(['one'])
  })

  it('where no producer can be made, every put that waits fails, and the next one tries again', async () => {
    let tries = 0
    const putters = new Putters(() => {
      tries++
      return Promise.reject(new MillraceError('streamNotFound', 'no such stream'))
    }, 1)
    const put = () => putters.put('a', { partitionKey: 'k', data: 'x' })
    const outcomes = await Promise.allSettled([put(), put(), putters.ready('a')])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(tries).toBe(1)
    await expect(put()).rejects.toMatchObject({ code: 'streamNotFound' })
    expect(tries).toBe(2)
    expect(putters.size).toBe(0)
  })
})

describe('put over thousands of streams', () => {
  async function connected(): Promise<{ broker: FakeBroker; client: Client }> {
    const broker = new FakeBroker()
    broker.hasAnyName = true
    const client = await connect('millrace://fake', { dial: broker.dial })
    return { broker, client }
  }

  it.each([1100, 3000])('at once, to %i streams, stores every record', async (count) => {
    const { broker, client } = await connected()
    broker.disturb = ({ operation }) => (operation === 'append' ? 'late' : 'none')
    const puts = Array.from({ length: count }, (_, i) =>
      client.put(`s${i}`, { partitionKey: 'k', data: `${i}` }),
    )
    const outcomes = await Promise.allSettled(puts)
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(broker.recordsOf(0)).toHaveLength(count)
    await client.close()
  })

  it('interleaved, keeps the order of each stream', async () => {
    const { broker, client } = await connected()
    broker.disturb = ({ operation }) => (operation === 'append' ? 'late' : 'none')
    const count = 1200
    const puts: Promise<unknown>[] = []
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < count; i++) {
        puts.push(client.put(`s${i}`, { partitionKey: `${i}`, data: `${round}` }))
        if (i % 100 === 0) await turns(1)
      }
    }
    const outcomes = await Promise.allSettled(puts)
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    const rounds = new Map<string, string>()
    for (const { partitionKey, data } of broker.recordsOf(0)) {
      rounds.set(partitionKey, (rounds.get(partitionKey) ?? '') + Buffer.from(data).toString())
    }
    expect(rounds.size).toBe(count)
    expect([...new Set(rounds.values())]).toEqual(['012'])
    await client.close()
  })

  it('records that fill the buffer several times over are all stored', async () => {
    const { broker, client } = await connected()
    const data = Buffer.alloc(1024 * 1024)
    const puts = Array.from({ length: 80 }, () => client.put('s', { partitionKey: 'k', data }))
    const outcomes = await Promise.allSettled(puts)
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    await client.close()
    expect(broker.recordsOf(0)).toHaveLength(80)
  })
})
