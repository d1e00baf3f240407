// What the endpoint keeps of streams, on a real broker in this process.
import { describe, expect, it } from 'vitest'
import { defaultFacts } from '../../src/book/stream-facts.ts'
import { ACCOUNT, refusalOf, REGION, smallBroker } from '../support/small-endpoint.ts'

const ARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`

describe('a stream that a request is about', () => {
  it('finds a stream by name, by ARN, and by both', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book, call } = endpoint
    const { id } = await own.createStream('clicks')
    for (const input of [
      { StreamName: 'clicks' },
      { StreamARN: ARN },
      { StreamName: 'clicks', StreamARN: ARN },
    ]) {
      const view = await book.resolve(call('DescribeStream', input))
      expect(view).toMatchObject({ name: 'clicks', id, arn: ARN, status: 'ACTIVE', facts: defaultFacts })
    }
  })

  it('says of a stream that does not exist, or is of another account or region, that it is not found', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book, call } = endpoint
    await own.createStream('clicks')
    const ask = (input: { StreamName?: string; StreamARN?: string }) =>
      refusalOf(book.resolve(call('DescribeStream', input)))
    expect(await ask({ StreamName: 'none' })).toBe(
      `ResourceNotFoundException: Stream none under account ${ACCOUNT} not found.`,
    )
    expect(await ask({ StreamARN: ARN.replace(ACCOUNT, '999999999999') })).toBe(
      'ResourceNotFoundException: Stream clicks under account 999999999999 not found.',
    )
    expect(await ask({ StreamARN: ARN.replace(REGION, 'us-east-1') })).toBe(
      `ResourceNotFoundException: Stream clicks under account ${ACCOUNT} not found.`,
    )
  })

  it('refuses a request that names no stream, or two', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { book, call } = endpoint
    const ask = (input: { StreamName?: string; StreamARN?: string }) =>
      refusalOf(book.resolve(call('DescribeStream', input)))
    expect(await ask({})).toBe(
      "ValidationException: 1 validation error detected: Value null at 'streamName' failed to satisfy constraint: " +
        'Member must not be null',
    )
    expect(await ask({ StreamName: 'orders', StreamARN: ARN })).toMatch(
      /^InvalidArgumentException: StreamName orders and StreamARN arn.*clicks do not name the same stream\.$/,
    )
  })
})

describe('what the book keeps', () => {
  it('knows at once what it has changed, and so does another endpoint that looks', async () => {
    await using room = await smallBroker()
    await using one = await room.endpoint()
    await using other = await room.endpoint()
    await one.own.createStream('clicks')
    const view = await one.book.resolve(one.call('DescribeStream', { StreamName: 'clicks' }))
    await one.book.update(view, (facts) => ({ ...facts, maxRecordSizeInKiB: 2048 }))
    expect(one.book.facts('clicks').maxRecordSizeInKiB).toBe(2048)
    const seen = await other.book.resolve(other.call('DescribeStream', { StreamName: 'clicks' }))
    expect(seen.facts.maxRecordSizeInKiB).toBe(2048)
    expect(other.book.facts('clicks', view.id).maxRecordSizeInKiB).toBe(2048)
  })

  it('tells another endpoint by itself', async () => {
    await using room = await smallBroker()
    await using one = await room.endpoint()
    await using other = await room.endpoint()
    const stream = await one.own.createStream('clicks')
    await one.book.update(stream, (facts) => ({ ...facts, tags: { team: 'a' } }))
    await expect.poll(() => other.book.facts('clicks').tags).toEqual({ team: 'a' })
  })

  it('loses no change of two that are made at once by two endpoints', async () => {
    await using room = await smallBroker()
    await using one = await room.endpoint()
    await using other = await room.endpoint()
    const stream = await one.own.createStream('clicks')
    const changes = [one, other].flatMap(({ book }, of) =>
      Array.from({ length: 5 }, (_, index) =>
        book.update(stream, (facts) => ({ ...facts, tags: { ...facts.tags, [`t${of}${index}`]: '' } })),
      ),
    )
    await Promise.all(changes)
    const { tags } = await one.book.freshFacts(stream)
    expect(Object.keys(tags)).toHaveLength(10)
  })

  it('leaves everything as it is where a change throws', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book } = endpoint
    const stream = await own.createStream('clicks')
    await book.update(stream, (facts) => ({ ...facts, policy: '{}' }))
    const refused = book.update(stream, () => {
      throw new Error('not this one')
    })
    await expect(refused).rejects.toThrow('not this one')
    expect(await book.freshFacts(stream)).toMatchObject({ policy: '{}' })
  })

  it('lets a stream that is deleted and made again start afresh, whoever did it', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book, call } = endpoint
    const first = await own.createStream('clicks')
    await book.update(first, (facts) => ({ ...facts, tags: { team: 'a' } }))
    await own.deleteStream('clicks')
    const second = await own.createStream('clicks')
    expect(book.facts('clicks', second.id)).toEqual(defaultFacts)
    expect((await book.resolve(call('DescribeStream', { StreamName: 'clicks' }))).facts).toEqual(defaultFacts)
    await book.sweep()
    expect(book.facts('clicks')).toEqual(defaultFacts)
  })

  it('removes what is kept of streams and consumers that others deleted', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book } = endpoint
    const stream = await own.createStream('clicks')
    const kept = await own.createStream('kept')
    const consumer = { streamId: stream.id, consumer: 'reader', createdAt: new Date(5) }
    await book.update(stream, (facts) => ({ ...facts, tags: { team: 'a' } }))
    await book.update(kept, (facts) => ({ ...facts, tags: { team: 'b' } }))
    await book.updateConsumer(consumer, (facts) => ({ ...facts, tags: { team: 'c' } }))
    expect(book.consumerFacts(consumer).tags).toEqual({ team: 'c' })
    await own.deleteStream('clicks')
    await book.sweep()
    const names: string[] = []
    for await (const { name } of own.documents('kinesis-streams').list()) names.push(name)
    for await (const { name } of own.documents('kinesis-consumers').list()) names.push(name)
    expect(names).toEqual(['kept'])
    expect(book.facts('kept').tags).toEqual({ team: 'b' })
  })

  it('starts afresh with a consumer that is registered again', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book } = endpoint
    const { id: streamId } = await own.createStream('clicks')
    const consumer = { streamId, consumer: 'reader', createdAt: new Date(5) }
    await book.updateConsumer(consumer, (facts) => ({ ...facts, policy: '{}' }))
    expect(book.consumerFacts({ ...consumer, createdAt: new Date(6) }).policy).toBeUndefined()
    await book.buryConsumer(consumer)
    expect(book.consumerFacts(consumer).policy).toBeUndefined()
  })
})

describe('states of a stream', () => {
  it('shows a state until its time is over, and then that of the broker', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book, call, now } = endpoint
    const stream = await own.createStream('clicks')
    const until = now() + 1000
    await book.update(stream, (facts) => ({ ...facts, statusUntil: { status: 'UPDATING', until } }))
    const status = async () => (await book.resolve(call('DescribeStream', { StreamName: 'clicks' }))).status
    expect(await status()).toBe('UPDATING')
    room.time.advance(1000)
    expect(await status()).toBe('ACTIVE')
  })

  it('deletes a stream whose time as DELETING is over when somebody asks for it, and once', async () => {
    await using room = await smallBroker()
    await using one = await room.endpoint()
    await using other = await room.endpoint()
    await one.own.createStream('clicks')
    const input = { StreamName: 'clicks' }
    const view = await one.book.resolve(one.call('DescribeStream', input))
    await one.book.update(view, (facts) => ({
      ...facts,
      statusUntil: { status: 'DELETING', until: one.now() + 1000 * 1000 },
    }))
    const seen = await other.book.resolve(other.call('DescribeStream', input))
    expect(seen.status).toBe('DELETING')
    room.time.advance(1000 * 1000)
    const asked = [one, other, one].map(({ book, call }) =>
      refusalOf(book.resolve(call('DescribeStream', input))),
    )
    const answers = await Promise.all(asked)
    expect(answers).toContain(`ResourceNotFoundException: Stream clicks under account ${ACCOUNT} not found.`)
    await expect(one.own.describeStream('clicks')).rejects.toMatchObject({ code: 'streamNotFound' })
    expect(await one.book.freshFacts(view)).toEqual(defaultFacts)
  })

  it('deletes a stream by itself when its time as DELETING is over, also after a restart of the endpoint', async () => {
    await using room = await smallBroker()
    const first = await room.endpoint()
    const stream = await first.own.createStream('clicks')
    await first.book.update(stream, (facts) => ({
      ...facts,
      statusUntil: { status: 'DELETING', until: first.now() + 1000 * 1000 },
    }))
    await first[Symbol.asyncDispose]()
    room.time.advance(1000 * 1000)
    await using second = await room.endpoint()
    await expect.poll(() => refusalOf(second.own.describeStream('clicks'))).toContain('streamNotFound')
  })
})

describe('shards of a stream', () => {
  it('keeps shards until the stream has others', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { own, book, call } = endpoint
    await own.createStream('clicks')
    const ask = call('ListShards', { StreamName: 'clicks' })
    const before = await book.shards(ask, await book.resolve(ask))
    expect(await book.shards(ask, await book.resolve(ask))).toBe(before)
    await own.splitShard('clicks', '0')
    const after = await book.shards(ask, await book.resolve(ask))
    expect(after.map(({ state }) => state)).toEqual(['CLOSED', 'OPEN', 'OPEN'])
  })
})
