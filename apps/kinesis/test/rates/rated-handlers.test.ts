// The rates of calls, where the limits of the service are on.
import { beforeEach, describe, expect, it } from 'vitest'
import type { Call, Handlers } from '../../src/call.ts'
import { operations, type OperationName } from '../../src/model/operations.ts'
import { callRates } from '../../src/rates/call-rates.ts'
import { ratedHandlers } from '../../src/rates/rated-handlers.ts'

const account = '123456789012'
let time: number
let served: OperationName[]
let handlers: Partial<Handlers>
beforeEach(() => {
  time = 1_000_000
  served = []
  const plain = Object.keys(operations).map((name) => [
    name,
    async ({ operation }: Call<OperationName>) => {
      served.push(operation)
      return {}
    },
  ])
  handlers = ratedHandlers(Object.fromEntries(plain) as Partial<Handlers>, { account, now: () => time })
})

async function call(operation: OperationName, input: object = {}): Promise<string> {
  const handler = handlers[operation] as unknown as (call: unknown) => Promise<unknown>
  try {
    await handler({ operation, input })
    return 'served'
  } catch (error) {
    const { code, message } = error as { readonly code: string; readonly message: string }
    return `${code}: ${message}`
  }
}

async function calls(count: number, operation: OperationName, input?: object): Promise<string[]> {
  const answers = []
  for (let i = 0; i < count; i++) answers.push(await call(operation, input))
  return answers
}

describe('calls of the control plane', () => {
  it.each(Object.entries(callRates))(
    '%s are taken as often as the service takes them',
    async (name, rate) => {
      const operation = name as OperationName
      const { perSecond } = rate
      expect(new Set(await calls(perSecond, operation))).toEqual(new Set(['served']))
      const refusal = `LimitExceededException: Rate exceeded for account ${account}.`
      expect(await call(operation)).toBe(refusal)
      time += Math.ceil(1000 / perSecond)
      expect(await calls(2, operation)).toEqual(['served', refusal])
      expect(served).toHaveLength(perSecond + 1)
    },
  )

  it('count stream by stream where the service does so, however the stream is named', async () => {
    const arn = `arn:aws:kinesis:eu-west-1:${account}:stream/clicks`
    expect(new Set(await calls(5, 'ListStreamConsumers', { StreamARN: arn }))).toEqual(new Set(['served']))
    expect(await call('ListStreamConsumers', { StreamARN: arn })).toBe(
      `LimitExceededException: Rate exceeded for stream clicks under account ${account}.`,
    )
    expect(await call('ListStreamConsumers', { StreamARN: `${arn}-too` })).toBe('served')
    await calls(5, 'DeregisterStreamConsumer', { ConsumerARN: `${arn}/consumer/a:1` })
    expect(await call('DeregisterStreamConsumer', { StreamARN: arn, ConsumerName: 'b' })).toMatch(/clicks/)
  })

  it('have a rate for each operation alone, and none where the service names none', async () => {
    await calls(5, 'CreateStream')
    expect(await call('CreateStream')).toMatch(/^LimitExceeded/)
    expect(await call('DeleteStream')).toBe('served')
    expect(new Set(await calls(2000, 'PutRecord'))).toEqual(new Set(['served']))
  })

  it('of which the error declares that they can be refused', () => {
    for (const name of Object.keys(callRates)) {
      expect(operations[name as OperationName].errors).toContain('LimitExceededException')
    }
  })
})
