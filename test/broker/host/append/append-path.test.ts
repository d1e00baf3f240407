// The append path: what is stored, what is refused, in which order, and what waits.
import { describe, expect, it } from 'vitest'
import { baseSequenceNumberAt } from '../../../../protocol/batch/batch.ts'
import { hashKeyFromHex, hashKeyToHex } from '../../../../protocol/shards/hash-key.ts'
import { producerNumber } from '../../../support/producers.ts'
import { FakeSession } from '../support/fake-session.ts'
import { codeOf, contents, makeBatch, placedShard, startTestHost } from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

/** Makes a promise and the function that fulfils it. */
function gate() {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

describe('append', () => {
  it('answers each batch with its base sequence number once it is flushed', async () => {
    const host = await startTestHost()
    const session = new FakeSession()
    const { results } = await host.append(session, makeBatch(['a', 'b']), makeBatch(['c']))
    expect(results).toMatchObject([
      { code: 0, baseSequenceNumber: 0, durability: 'disk', arrivalTime: host.time.now() },
      { code: 0, baseSequenceNumber: 2, durability: 'disk' },
    ])
  })

  it('neither answers a batch nor makes it readable before the flush', async () => {
    const host = await startTestHost()
    const { opened, open } = gate()
    host.owner.beforeFlush = () => opened
    let answered = false
    const append = host.append(new FakeSession(), makeBatch(['a'])).then(() => {
      answered = true
    })
    await rest()
    expect(answered).toBe(false)
    expect(await host.fetchOne(new FakeSession(), 0)).toMatchObject({ batches: [], tail: 0 })
    open()
    await append
    expect(contents((await host.fetchOne(new FakeSession(), 0)).batches)).toEqual(['0:a'])
  })

  it('sends all batches of one turn in one call to the owner', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    const appends = Array.from({ length: 20 }, (_, i) =>
      host.appendTo(new FakeSession(), { shardIndex: i % 2, batch: makeBatch([`${i}`]) }),
    )
    await Promise.all(appends)
    expect(host.owner.groupSizes).toEqual([20])
  })

  it('divides a large turn into groups, in order', async () => {
    const host = await startTestHost()
    const batches = Array.from({ length: 5 }, (_, i) => makeBatch([`${i}`.padEnd(600_000)]))
    const { results } = await host.append(new FakeSession(), ...batches)
    expect(results.map((result) => result.baseSequenceNumber)).toEqual([0, 1, 2, 3, 4])
    expect(host.owner.groupSizes).toEqual([1, 1, 1, 1, 1])
  })

  it('keeps the order of a session, request after request', async () => {
    const host = await startTestHost()
    const session = new FakeSession()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => host.append(session, makeBatch([`${i}`]))),
    )
    const bases = answers.map(({ results }) => results[0]!.baseSequenceNumber)
    expect(bases).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('refuses a batch of a shard that is not served here, and stores the others', async () => {
    const host = await startTestHost()
    const { results } = await host.appendTo(
      new FakeSession(),
      { shardIndex: 9, batch: makeBatch(['a']) },
      { shardIndex: 0, batch: makeBatch(['b']) },
      { shardIndex: 0, streamId: 99, batch: makeBatch(['c']) },
    )
    expect(results.map(codeOf)).toEqual(['shardNotFound', 'stored', 'shardNotFound'])
  })

  it("refuses a batch outside the shard's range and stores nothing of it", async () => {
    // The hash key of 'key'; the range ends just below it.
    const key = '3c6e0b8a9c15224a8228b9a98ca1531d'
    const below = hashKeyToHex(hashKeyFromHex(`${key.slice(0, -1)}c`))
    const host = await startTestHost({ shards: [placedShard(0, { endingHashKey: below })] })
    const { results } = await host.append(new FakeSession(), makeBatch(['a']))
    expect(results.map(codeOf)).toEqual(['hashKeyOutOfRange'])
    const edge = await startTestHost({
      shards: [placedShard(0, { startingHashKey: key, endingHashKey: key })],
    })
    expect((await edge.append(new FakeSession(), makeBatch(['a']))).results.map(codeOf)).toEqual(['stored'])
    expect(host.owner.groupSizes).toEqual([])
  })

  it('refuses bytes that are not a batch', async () => {
    const host = await startTestHost()
    const cut = makeBatch(['a']).subarray(0, 100)
    const { results } = await host.append(new FakeSession(), cut, new Uint8Array(0), makeBatch(['b']))
    expect(results.map(codeOf)).toEqual(['invalidBatch', 'invalidBatch', 'stored'])
  })

  it('answers an append without batches', async () => {
    const host = await startTestHost()
    expect(await host.append(new FakeSession())).toEqual({ results: [] })
  })

  it("hands on the owner's refusals with their codes, and with a retry delay if space is short", async () => {
    const host = await startTestHost()
    const codes = [
      'outOfOrderSequence',
      'producerFenced',
      'duplicateTooOld',
      'sequenceReused',
      'corruptBatch',
      'storageFull',
      'overloaded',
      'tooManyProducers',
    ] as const
    let next = 0
    host.owner.refuse = () => codes[next++]
    const { results } = await host.append(new FakeSession(), ...codes.map((code) => makeBatch([code])))
    expect(results.map(codeOf)).toEqual(codes)
    expect(results.map(({ retryAfterMs }) => retryAfterMs !== undefined)).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
      true,
      true,
    ])
    expect(results.at(-1)!.message).toMatch(
      /of one principal, session or address a share.*less than 15 minutes/,
    )
    for (const { message } of results) expect(message).toMatch(/\w+.*\.$/)
    expect(await host.fetchOne(new FakeSession(), 0)).toMatchObject({ tail: 0, batches: [] })
  })

  it('answers a duplicate with its first sequence number, and does not make it readable twice', async () => {
    const host = await startTestHost()
    const session = new FakeSession()
    const identity = { producerId: producerNumber(5).producerId, firstProducerSequence: 0 }
    await host.append(session, makeBatch(['a'], identity))
    await host.append(session, makeBatch(['b']))
    const { results } = await host.append(session, makeBatch(['a'], identity))
    expect(results).toMatchObject([{ code: 0, baseSequenceNumber: 0, durability: 'disk' }])
    expect(contents((await host.fetchOne(session, 0)).batches)).toEqual(['0:a', '1:b'])
  })

  it('answers outcomeUnknown for every batch of a group that failed, and goes on', async () => {
    const host = await startTestHost()
    host.owner.failNext = { stored: false }
    const { results } = await host.append(new FakeSession(), makeBatch(['a']), makeBatch(['b']))
    expect(results.map(codeOf)).toEqual(['outcomeUnknown', 'outcomeUnknown'])
    expect((await host.append(new FakeSession(), makeBatch(['c']))).results.map(codeOf)).toEqual(['stored'])
  })

  it('makes batches that a failed flush left on disk readable after a reopen, and assigns rising numbers', async () => {
    const host = await startTestHost()
    await host.append(new FakeSession(), makeBatch(['a']))
    host.owner.failNext = { stored: true }
    const { results } = await host.append(new FakeSession(), makeBatch(['b', 'c']))
    expect(results.map(codeOf)).toEqual(['outcomeUnknown'])
    expect(await host.fetchOne(new FakeSession(), 1)).toMatchObject({ tail: 1 })
    host.owner.tellReopened()
    await rest()
    await host.append(new FakeSession(), makeBatch(['d']))
    const session = new FakeSession()
    await host.subscribe(session)
    await until(() => contents(session.pushed).length === 4)
    expect(contents(session.pushed)).toEqual(['0:a', '1:b', '2:c', '3:d'])
  })

  it('breaks the host when storage is reopened without acknowledged records', async () => {
    const host = await startTestHost()
    await host.append(new FakeSession(), makeBatch(['a']))
    const shard = host.owner.shards.get(1)!
    shard.tail = 0
    shard.batches = []
    host.owner.tellReopened()
    await until(() => host.broken.length > 0)
    expect(host.broken.map(String)).toEqual([expect.stringContaining('came back with tail 0')])
  })

  it('breaks the host when its owner ends', async () => {
    const host = await startTestHost()
    host.owner.beforeFlush = () => new Promise(() => {})
    const append = host.append(new FakeSession(), makeBatch(['a']))
    await rest()
    host.owner.kill()
    expect((await append).results.map(codeOf)).toEqual(['outcomeUnknown'])
    expect(host.broken.map(String)).toEqual([expect.stringContaining('owner 0 ended')])
    const { results } = await host.append(new FakeSession(), makeBatch(['b']))
    expect(results.map(codeOf)).toEqual(['unavailable'])
  })

  it('answers shardNotFound once the stream is deleted, also for batches that are with the owner', async () => {
    const host = await startTestHost()
    const underWay = host.append(new FakeSession(), makeBatch(['a']))
    await host.dropStream()
    expect((await underWay).results.map(codeOf)).toEqual(['shardNotFound'])
    const { results } = await host.append(new FakeSession(), makeBatch(['b']))
    expect(results.map(codeOf)).toEqual(['shardNotFound'])
    expect(host.owner.calls).toEqual(['forget 1'])
    expect(host.broken).toEqual([])
  })

  it('forgets the shards of a deleted stream in a second call after a failure, and also shards that it does not serve', async () => {
    const host = await startTestHost()
    host.owner.failForget = true
    await expect(host.dropStream()).rejects.toMatchObject({ code: 'outcomeUnknown' })
    host.owner.failForget = false
    await host.dropStream(1, 8)
    expect(host.owner.calls).toEqual(['forget 1', 'forget 1 8'])
  })
})

describe('overload', () => {
  const settings = { appendQueueBytes: 10_000 }
  const batchOf1000 = () => makeBatch(['x'.repeat(850)])

  it('refuses a batch that does not fit into the queue, with a retry delay, and takes it once there is room', async () => {
    const host = await startTestHost({ settings })
    const { opened, open } = gate()
    host.owner.beforeFlush = () => opened
    const appends = Array.from({ length: 15 }, () => host.append(new FakeSession(), batchOf1000()))
    await rest()
    open()
    const results = (await Promise.all(appends)).map((answer) => answer.results[0]!)
    const codes = results.map(codeOf)
    expect(codes.filter((code) => code === 'stored').length).toBe(10)
    expect(codes.slice(10)).toEqual(Array.from({ length: 5 }, () => 'overloaded'))
    for (const result of results.slice(10)) expect(result.retryAfterMs).toBeGreaterThan(0)
    expect((await host.append(new FakeSession(), batchOf1000())).results.map(codeOf)).toEqual(['stored'])
  })

  it('never lets a later batch overtake a refused one', async () => {
    const host = await startTestHost({ settings })
    const batches = [
      ...Array.from({ length: 9 }, batchOf1000),
      makeBatch(['x'.repeat(5000)]),
      makeBatch(['small']),
    ]
    const { results } = await host.append(new FakeSession(), ...batches)
    expect(results.slice(-2).map(codeOf)).toEqual(['overloaded', 'overloaded'])
  })

  it('takes a batch that is larger than the whole queue when the queue is empty', async () => {
    const host = await startTestHost({ settings })
    const { results } = await host.append(new FakeSession(), makeBatch(['x'.repeat(50_000)]))
    expect(results.map(codeOf)).toEqual(['stored'])
  })

  it('stops reading from a session that has used its share, and reads on when its batches are answered', async () => {
    const host = await startTestHost({ settings })
    const { opened, open } = gate()
    host.owner.beforeFlush = () => opened
    const greedy = new FakeSession()
    const modest = new FakeSession()
    const appends = Array.from({ length: 6 }, () => host.append(greedy, batchOf1000()))
    appends.push(host.append(modest, batchOf1000()))
    await rest()
    expect([greedy.holds, modest.holds]).toEqual([1, 0])
    open()
    await Promise.all(appends)
    expect([greedy.holds, modest.holds]).toEqual([0, 0])
  })

  it('never holds more in the queue than its bound, however much is appended', async () => {
    const host = await startTestHost({ settings })
    const { opened, open } = gate()
    host.owner.beforeFlush = () => opened
    const appends = Array.from({ length: 500 }, () => host.append(new FakeSession(), batchOf1000()))
    await rest()
    expect(await host.measured('millrace_append_queue_bytes')).toBeLessThanOrEqual(settings.appendQueueBytes)
    open()
    await Promise.all(appends)
    expect(await host.measured('millrace_append_queue_bytes')).toBe(0)
  })
})

describe('stored bytes', () => {
  it('are the bytes that the producer sent, except for the stamp', async () => {
    const host = await startTestHost()
    const sent = makeBatch(['a'])
    await host.append(new FakeSession(), sent)
    const [read] = (await host.fetchOne(new FakeSession(), 0)).batches
    expect(read!.subarray(36)).toEqual(new Uint8Array(sent.subarray(36)))
    expect(baseSequenceNumberAt(read!, 0)).toBe(0)
  })
})
