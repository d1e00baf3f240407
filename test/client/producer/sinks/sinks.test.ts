// Records from iterables and streams: as fast as there is room and no faster, all stored at the end, and the first refusal
// ends them.
import { getEventListeners } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MillraceError, type Producer, type RecordInput } from '../../../../client/index.ts'
import { driven, fakeTime, turns } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'
import { failureOf, onAppend, onAppends, producing } from '../support/producing.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const COUNT = 2000
const ROOM = 200
/** What streams of Node and of the web hold beside the producer's half of its room. */
const PULLED_MAX = ROOM / 2 + 100

/** Makes records on demand, and notes how many were asked for and whether it was left. */
class Source {
  pulled = 0
  isLeft = false

  async *later(): AsyncGenerator<RecordInput, void> {
    for (const record of this.records()) {
      await Promise.resolve()
      yield record
    }
  }

  *records(): Generator<RecordInput> {
    try {
      while (this.pulled < COUNT) yield { partitionKey: 'ada', data: `${this.pulled++}` }
    } finally {
      this.isLeft = true
    }
  }
}

type Sink = (producer: Producer, source: Source, signal?: AbortSignal) => Promise<unknown>

const optionsOf = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal })

const sinks: readonly { name: string; sink: Sink }[] = [
  {
    name: 'pushAll of an iterable',
    sink: (producer, source, signal) => producer.pushAll(source.records(), optionsOf(signal)),
  },
  {
    name: 'pushAll of an async iterable',
    sink: (producer, source, signal) => producer.pushAll(source.later(), optionsOf(signal)),
  },
  {
    name: 'a Writable',
    sink: (producer, source, signal) =>
      pipeline(Readable.from(source.records()), producer.writable(optionsOf(signal))),
  },
  {
    name: 'a WritableStream',
    sink: (producer, source, signal) =>
      ReadableStream.from(source.later()).pipeTo(producer.writableStream(optionsOf(signal))),
  },
]

const textsIn = (broker: FakeBroker) => broker.recordsOf(0).map(({ data }) => Buffer.from(data).toString())

/** Until nothing changes any more, without time passing. */
async function untilStill(source: Source): Promise<void> {
  for (let before = -1; before !== source.pulled;) {
    before = source.pulled
    await turns(20)
  }
}

describe.each(sinks)('$name', ({ sink }) => {
  it('takes no more than there is room for, and fulfils when all is stored, in order', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { producer, end } = await producing(broker, { bufferRecordsMax: ROOM })
    const source = new Source()
    let isSettled = false
    const taken = sink(producer, source).finally(() => (isSettled = true))
    await untilStill(source)
    expect(source.pulled).toBeGreaterThanOrEqual(ROOM / 2)
    expect(source.pulled).toBeLessThanOrEqual(PULLED_MAX)
    expect(producer.metrics().bufferedRecords).toBe(ROOM / 2)
    expect(isSettled).toBe(false)
    onAppend(broker, 'none')
    broker.disconnect(7401)
    await driven(taken)
    expect(textsIn(broker)).toEqual(Array.from({ length: COUNT }, (_, i) => `${i}`))
    expect(producer.metrics().bufferedRecords).toBe(0)
    await end()
  })

  it('ends with the first refusal, leaves what it reads from, and flush does not tell of it again', async () => {
    const broker = new FakeBroker()
    onAppends(broker, ['none', { refuseBatch: () => 'invalidBatch' }])
    const { producer, end } = await producing(broker, { batchRecords: 10, bufferRecordsMax: ROOM })
    const source = new Source()
    const failure = await driven(failureOf(sink(producer, source)))
    expect(failure).toMatchObject({ code: 'invalidBatch', sideEffects: 'none' })
    await untilStill(source)
    expect(source.isLeft).toBe(true)
    expect(source.pulled).toBeLessThan(COUNT)
    await driven(producer.flush())
    await end()
  })

  it('ends with aborted when its signal fires; what was taken is still stored, and the producer goes on', async () => {
    const broker = new FakeBroker()
    onAppend(broker, 'hangs')
    const { producer, end } = await producing(broker, { bufferRecordsMax: ROOM })
    const source = new Source()
    const abort = new AbortController()
    const failure = failureOf(sink(producer, source, abort.signal))
    await untilStill(source)
    abort.abort()
    await turns(20)
    expect(await Promise.race([failure, turns(1)])).toMatchObject({ code: 'aborted' })
    onAppend(broker, 'none')
    broker.disconnect(7401)
    await driven(producer.send({ partitionKey: 'ada', data: 'last' }))
    expect(textsIn(broker)).toHaveLength(ROOM / 2 + 1)
    await end()
  })

  it('ends with what the records come from', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const source = new Source()
    source.records = function* () {
      yield { partitionKey: 'ada', data: 'first' }
      throw new Error('nothing more can be read')
    }
    expect(await driven(failureOf(sink(producer, source)))).toMatchObject({
      message: 'nothing more can be read',
    })
    await end()
  })

  it('ends with invalidArgument for what is no record, and with closed after the producer', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const source = new Source()
    source.records = function* () {
      yield { data: 'without a key' } as unknown as RecordInput
    }
    expect(await driven(failureOf(sink(producer, source)))).toMatchObject({ code: 'invalidArgument' })
    await driven(producer.close())
    expect(await driven(failureOf(sink(producer, new Source())))).toMatchObject({ code: 'closed' })
    await end()
  })
})

const only = { partitionKey: 'ada', data: 'only' }

/** Gives one record, and then none for ever. */
async function* idle(): AsyncGenerator<RecordInput, void> {
  yield only
  await new Promise(() => {})
}

const idleSinks: readonly { name: string; sink: (producer: Producer) => Promise<unknown> }[] = [
  { name: 'pushAll', sink: (producer) => producer.pushAll(idle()) },
  { name: 'a Writable', sink: (producer) => pipeline(Readable.from(idle()), producer.writable()) },
  {
    name: 'a WritableStream',
    sink: (producer) =>
      new ReadableStream<RecordInput>({ start: (controller) => controller.enqueue(only) }).pipeTo(
        producer.writableStream(),
      ),
  },
]

describe.each(idleSinks)('$name that waits for a record which does not come', ({ sink }) => {
  it('ends with closed when its producer is closed, although all it took is stored', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    const failure = failureOf(sink(producer))
    await turns(20)
    await driven(producer.close())
    expect(await driven(failure)).toMatchObject({ code: 'closed', sideEffects: 'none' })
    expect(textsIn(broker)).toEqual(['only'])
    await end()
  })

  it('ends with aborted when its producer is aborted, and at once where the producer is at its end', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const failure = failureOf(sink(producer))
    await turns(20)
    await driven(producer.flush())
    producer.abort()
    expect(await driven(failure)).toMatchObject({ code: 'aborted' })
    expect(await driven(failureOf(sink(producer)))).toMatchObject({ code: 'aborted' })
    await end()
  })
})

describe('pushAll', () => {
  it('fulfils when its last records are stored by the close of its producer', async () => {
    const { producer, end } = await producing(new FakeBroker(), { lingerMs: 60_000 })
    const pushed = producer.pushAll([{ partitionKey: 'ada', data: '1' }])
    const closed = producer.close()
    expect(await driven(pushed)).toBe(1)
    await driven(closed)
    await end()
  })

  it('leaves no rejection unhandled when what it reads from aborts it and then throws', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const { producer, end } = await producing(new FakeBroker())
    const abort = new AbortController()
    const source = async function* (): AsyncGenerator<RecordInput, void> {
      yield { partitionKey: 'ada', data: '1' }
      abort.abort()
      await Promise.reject(new Error('its connection was aborted too'))
    }
    const failure = await driven(failureOf(producer.pushAll(source(), { signal: abort.signal })))
    expect(failure).toMatchObject({ code: 'aborted' })
    await turns(20)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    await end()
  })

  it('takes nothing from its source if its signal has fired', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const source = new Source()
    const failure = failureOf(producer.pushAll(source.later(), { signal: AbortSignal.abort() }))
    expect(await driven(failure)).toMatchObject({ code: 'aborted', sideEffects: 'none' })
    expect(source.pulled).toBe(0)
    await end()
  })

  it('says how many records it took, also of none', async () => {
    const { producer, end } = await producing(new FakeBroker())
    expect(await driven(producer.pushAll(new Source().records()))).toBe(COUNT)
    expect(await driven(producer.pushAll([]))).toBe(0)
    await end()
  })

  it('ends at once while it waits for a record that does not come', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const abort = new AbortController()
    const never: AsyncIterable<RecordInput> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    }
    const failure = failureOf(producer.pushAll(never, { signal: abort.signal }))
    await turns()
    abort.abort()
    expect(await driven(failure)).toMatchObject({ code: 'aborted', sideEffects: 'none' })
    await end()
  })

  it('refuses what cannot be iterated', async () => {
    const { producer, end } = await producing(new FakeBroker())
    expect(await failureOf(producer.pushAll(5 as never))).toMatchObject({ code: 'invalidArgument' })
    await end()
  })
})

describe('a Writable', () => {
  const written = (writable: Writable, data: string) => writable.write({ partitionKey: 'ada', data })

  it('is destroyed without an error by destroy, and what was written is stored', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    const writable = producer.writable()
    written(writable, '1')
    writable.destroy()
    await turns()
    expect(writable.errored).toBeNull()
    await driven(producer.flush())
    expect(textsIn(broker)).toEqual(['1'])
    await end()
  })

  it('leaves it to flush to tell of a refusal that comes after destroy', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'invalidBatch' })
    const { producer, end } = await producing(broker)
    const writable = producer.writable()
    written(writable, '1')
    writable.destroy()
    await turns()
    await expect(driven(producer.flush())).rejects.toMatchObject({ code: 'invalidBatch' })
    await driven(producer.flush())
    await end()
  })

  it('that is left over when its producer is closed is destroyed, with an error only where somebody listens', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const [unheard, heard] = [producer.writable(), producer.writable()]
    const failed = new Promise<unknown>((resolve) => heard.once('error', resolve))
    written(unheard, '1')
    await driven(producer.close())
    await turns()
    expect(unheard).toMatchObject({ destroyed: true, errored: null })
    expect(await driven(failed)).toMatchObject({ code: 'closed' })
    await end()
  })

  it('has an error when a record is refused that was written long before', async () => {
    const broker = new FakeBroker()
    onAppend(broker, { refuseBatch: () => 'invalidBatch' })
    const { producer, end } = await producing(broker)
    const writable = producer.writable()
    const failed = new Promise<unknown>((resolve) => writable.once('error', resolve))
    written(writable, '1')
    expect(MillraceError.is(await driven(failed), 'invalidBatch')).toBe(true)
    expect(writable.destroyed).toBe(true)
    await end()
  })

  it('several of one producer end each by itself', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    const writables = [producer.writable(), producer.writable()]
    for (const [i, writable] of writables.entries()) written(writable, `${i}`)
    const finished = writables.map((writable) => new Promise<void>((resolve) => writable.end(resolve)))
    await driven(Promise.all(finished))
    expect(textsIn(broker).toSorted()).toEqual(['0', '1'])
    await end()
  })
})

describe('a sink', () => {
  it('leaves no listener on its signal, however it ends', async () => {
    const { producer, end } = await producing(new FakeBroker())
    const { signal } = new AbortController()
    for (const { sink } of sinks.slice(0, 2)) await driven(sink(producer, new Source(), signal))
    const writable = producer.writable({ signal })
    writable.destroy()
    const stream = producer.writableStream({ signal })
    await driven(stream.abort())
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await end()
  })
})
