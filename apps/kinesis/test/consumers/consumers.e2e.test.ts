// Registered consumers by the API's handlers, on a real broker in this process whose clock the test moves.
import { describe, expect, it } from 'vitest'
import { CLICKS_ARN, consumingEndpoint } from '../support/consuming-endpoint.ts'
import { ACCOUNT, refusalOf, smallBroker } from '../support/small-endpoint.ts'

const byName = (ConsumerName: string) => ({ StreamARN: CLICKS_ARN, ConsumerName })

describe('a registered consumer', () => {
  it('is described by its ARN and by its name, listed, and gone when it is deregistered', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own, now } = endpoint
    await own.createStream('clicks')
    const { Consumer } = await handlers.RegisterStreamConsumer(
      call('RegisterStreamConsumer', byName('reader')),
    )
    const seconds = Math.floor(now() / 1000)
    expect(Consumer).toEqual({
      ConsumerName: 'reader',
      ConsumerARN: `${CLICKS_ARN}/consumer/reader:${seconds}`,
      ConsumerStatus: 'ACTIVE',
      ConsumerCreationTimestamp: new Date(now()),
    })
    for (const naming of [byName('reader'), { ConsumerARN: Consumer.ConsumerARN }]) {
      const { ConsumerDescription } = await handlers.DescribeStreamConsumer(
        call('DescribeStreamConsumer', naming),
      )
      expect(ConsumerDescription).toEqual({ ...Consumer, StreamARN: CLICKS_ARN })
    }
    const list = () => handlers.ListStreamConsumers(call('ListStreamConsumers', { StreamARN: CLICKS_ARN }))
    expect(await list()).toEqual({ Consumers: [Consumer] })
    await handlers.DeregisterStreamConsumer(
      call('DeregisterStreamConsumer', { ConsumerARN: Consumer.ConsumerARN }),
    )
    expect(await list()).toEqual({ Consumers: [] })
    const gone = handlers.DescribeStreamConsumer(call('DescribeStreamConsumer', byName('reader')))
    expect(await refusalOf(gone)).toBe(
      `ResourceNotFoundException: Consumer reader, account ${ACCOUNT} not found.`,
    )
  })

  it('has another ARN each time that it is registered, also within one second', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own } = endpoint
    await own.createStream('clicks')
    const arns = new Set<string>()
    for (let i = 0; i < 4; i++) {
      const { Consumer } = await handlers.RegisterStreamConsumer(
        call('RegisterStreamConsumer', byName('reader')),
      )
      for (const arn of arns) {
        const old = handlers.DescribeStreamConsumer(call('DescribeStreamConsumer', { ConsumerARN: arn }))
        expect(await refusalOf(old)).toBe(
          `ResourceNotFoundException: Consumer ${arn}, account ${ACCOUNT} not found.`,
        )
      }
      arns.add(Consumer.ConsumerARN)
      room.time.advance(i < 2 ? 1 : 1000)
      await handlers.DeregisterStreamConsumer(
        call('DeregisterStreamConsumer', { ConsumerARN: Consumer.ConsumerARN }),
      )
    }
    expect(arns.size).toBe(4)
  })

  it('is CREATING, and then DELETING, for as long as the settings say', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room, { stateDelayMs: 500 })
    const { handlers, call, own } = endpoint
    await own.createStream('clicks')
    const statusNow = async () =>
      (await handlers.DescribeStreamConsumer(call('DescribeStreamConsumer', byName('reader'))))
        .ConsumerDescription.ConsumerStatus
    const { Consumer } = await handlers.RegisterStreamConsumer(
      call('RegisterStreamConsumer', byName('reader')),
    )
    expect(Consumer.ConsumerStatus).toBe('CREATING')
    const seconds = /\d+$/.exec(Consumer.ConsumerARN)![0]
    const early = handlers.SubscribeToShard(
      call('SubscribeToShard', {
        ConsumerARN: Consumer.ConsumerARN,
        ShardId: 'shardId-000000000000',
        StartingPosition: { Type: 'LATEST' },
      }),
    )
    expect(await refusalOf(early)).toBe(
      `ResourceInUseException: Consumer reader with creation timestamp ${seconds} under stream clicks and account ${ACCOUNT} is not in ACTIVE status.`,
    )
    room.time.advance(500)
    expect(await statusNow()).toBe('ACTIVE')
    await handlers.DeregisterStreamConsumer(call('DeregisterStreamConsumer', byName('reader')))
    expect(await statusNow()).toBe('DELETING')
    const again = handlers.RegisterStreamConsumer(call('RegisterStreamConsumer', byName('reader')))
    expect(await refusalOf(again)).toContain('ResourceInUseException')
    room.time.advance(500)
    expect(await refusalOf(statusNow())).toContain('ResourceNotFoundException')
    await handlers.RegisterStreamConsumer(call('RegisterStreamConsumer', byName('reader')))
    expect(await statusNow()).toBe('CREATING')
  })

  it('keeps the tags that it is registered with, until it is deregistered', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own, book } = endpoint
    const { id: streamId } = await own.createStream('clicks')
    const tagsNow = async () => {
      const { createdAt } = await own.describeConsumer('clicks', 'reader')
      return book.consumerFacts({ streamId, consumer: 'reader', createdAt }).tags
    }
    await handlers.RegisterStreamConsumer(
      call('RegisterStreamConsumer', { ...byName('reader'), Tags: { team: 'a' } }),
    )
    expect(await tagsNow()).toEqual({ team: 'a' })
    await handlers.DeregisterStreamConsumer(call('DeregisterStreamConsumer', byName('reader')))
    await handlers.RegisterStreamConsumer(call('RegisterStreamConsumer', byName('reader')))
    expect(await tagsNow()).toEqual({})
  })

  it('is refused with tags that a stream could not have', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own } = endpoint
    await own.createStream('clicks')
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`tag${i}`, '']))
    for (const Tags of [{ 'aws:team': 'a' }, { 'a;b': 'c' }, many]) {
      const refused = handlers.RegisterStreamConsumer(
        call('RegisterStreamConsumer', { ...byName('reader'), Tags }),
      )
      expect(await refusalOf(refused)).toContain('InvalidArgumentException: ')
    }
    expect((await own.listConsumers('clicks').page()).items).toEqual([])
  })

  it('is refused where there is one of its name, and where there are too many, unless only the broker limits', async () => {
    await using room = await smallBroker()
    await using aws = await consumingEndpoint(room, { rules: 'aws' })
    await using own = await consumingEndpoint(room, { rules: 'millrace' })
    await aws.own.createStream('clicks')
    const register = (at: typeof aws, name: string) =>
      at.handlers.RegisterStreamConsumer(at.call('RegisterStreamConsumer', byName(name)))
    for (let i = 0; i < 20; i++) await register(aws, `reader-${i}`)
    expect(await refusalOf(register(aws, 'reader-3'))).toBe(
      `ResourceInUseException: Consumer reader-3 under stream clicks already exists for account ${ACCOUNT}.`,
    )
    expect(await refusalOf(register(aws, 'one-more'))).toContain('LimitExceededException')
    await register(own, 'one-more')
  })

  it('is one of five that may be CREATING at once', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room, { stateDelayMs: 500 })
    const { handlers, call, own } = endpoint
    await own.createStream('clicks')
    const register = (name: string) =>
      handlers.RegisterStreamConsumer(call('RegisterStreamConsumer', byName(name)))
    for (let i = 0; i < 5; i++) await register(`reader-${i}`)
    expect(await refusalOf(register('one-more'))).toContain('LimitExceededException')
    room.time.advance(500)
    await register('one-more')
  })

  it('has to be named by its ARN, or by its stream and its name, and not by two that differ', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own } = endpoint
    await own.createStream('clicks')
    const { Consumer } = await handlers.RegisterStreamConsumer(
      call('RegisterStreamConsumer', byName('reader')),
    )
    const describe = (naming: object) =>
      handlers.DescribeStreamConsumer(call('DescribeStreamConsumer', naming))
    const { ConsumerARN } = Consumer
    await describe({ ConsumerARN, ...byName('reader') })
    for (const naming of [
      {},
      { StreamARN: CLICKS_ARN },
      { ConsumerName: 'reader' },
      { ConsumerARN, ConsumerName: 'other' },
      { ConsumerARN, StreamARN: CLICKS_ARN.replace('clicks', 'views') },
    ]) {
      expect(await refusalOf(describe(naming))).toContain('InvalidArgumentException')
    }
    for (const naming of [
      { ConsumerARN: ConsumerARN.replace(ACCOUNT, '999999999999') },
      { ConsumerARN: ConsumerARN.replace('clicks', 'views') },
      { StreamARN: CLICKS_ARN.replace('clicks', 'views'), ConsumerName: 'reader' },
    ]) {
      expect(await refusalOf(describe(naming))).toContain('ResourceNotFoundException')
    }
  })
})

describe('the list of consumers', () => {
  it('comes in pages whose tokens belong to the stream and are good for five minutes', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own } = endpoint
    await own.createStream('clicks')
    await own.createStream('views')
    const names = Array.from({ length: 7 }, (_, i) => `reader-${i}`)
    for (const name of names) {
      await handlers.RegisterStreamConsumer(call('RegisterStreamConsumer', byName(name)))
    }
    const list = (options: object) =>
      handlers.ListStreamConsumers(call('ListStreamConsumers', { StreamARN: CLICKS_ARN, ...options }))
    const seen: string[] = []
    let NextToken: string | undefined
    do {
      const page = await list({ MaxResults: 3, NextToken })
      seen.push(...page.Consumers!.map(({ ConsumerName }) => ConsumerName))
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    expect(seen).toEqual(names)
    const { NextToken: token } = await list({ MaxResults: 3 })
    const other = list({ StreamARN: CLICKS_ARN.replace('clicks', 'views'), NextToken: token })
    expect(await refusalOf(other)).toContain('InvalidArgumentException')
    expect(await refusalOf(list({ NextToken: 'bm8=' }))).toContain('InvalidArgumentException')
    room.time.advance(300_001)
    expect(await refusalOf(list({ NextToken: token }))).toContain('ExpiredNextTokenException')
  })

  it('is that of the stream that was created at the time given', async () => {
    await using room = await smallBroker()
    await using endpoint = await consumingEndpoint(room)
    const { handlers, call, own } = endpoint
    const { createdAt } = await own.createStream('clicks')
    const list = (StreamCreationTimestamp: Date) =>
      handlers.ListStreamConsumers(
        call('ListStreamConsumers', { StreamARN: CLICKS_ARN, StreamCreationTimestamp }),
      )
    expect(await list(createdAt)).toEqual({ Consumers: [] })
    expect(await refusalOf(list(new Date(createdAt.getTime() - 5000)))).toContain('ResourceNotFoundException')
  })
})
