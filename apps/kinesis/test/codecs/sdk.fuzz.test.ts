// AWS' JavaScript SDK in front of the codecs, without a network: what it sends is read as it was meant, and what is answered it reads.
import * as sdk from '@aws-sdk/client-kinesis'
import { HttpResponse } from '@smithy/core/protocols'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeAnswer, encodeError } from '../../src/codecs/answers.ts'
import { decodeRequest } from '../../src/codecs/requests.ts'
import { KinesisError } from '../../src/model/errors.ts'
import { operations, type OperationName } from '../../src/model/operations.ts'
import { valuesOf } from '../support/arbitrary-shapes.ts'

const names = (Object.keys(operations) as OperationName[]).filter((name) => name !== 'SubscribeToShard')

/** Answers every request of the SDK by what `answer` makes of its body. */
function clientThatMeets(answer: (body: Uint8Array) => { readonly status: number; readonly body: string }) {
  return new sdk.KinesisClient({
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:4567',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
    requestHandler: {
      handle: async ({ body }: { readonly body: string | Uint8Array }) => {
        const { status, body: text } = answer(Buffer.from(body))
        const headers = { 'content-type': 'application/x-amz-json-1.1' }
        return { response: new HttpResponse({ statusCode: status, headers, body: Buffer.from(text) }) }
      },
    },
  })
}

function commandOf(operation: OperationName, input: unknown): never {
  const commands = sdk as unknown as Readonly<Record<string, new (input: unknown) => never>>
  return new commands[`${operation}Command`]!(input)
}

/** Bytes as numbers, and no members that are undefined. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (value instanceof Date) return value.getTime()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== undefined && key !== '$metadata')
      .map(([key, item]) => [key, plain(item)]),
  )
}

describe.each(names)('%s', (operation) => {
  test('is sent, read, answered and read again without loss', async () => {
    const { input: inputShape, output: outputShape } = operations[operation]
    await fc.assert(
      fc.asyncProperty(valuesOf(inputShape), valuesOf(outputShape), async (input, output) => {
        let read: unknown
        const client = clientThatMeets((body) => {
          read = decodeRequest(operation, body, 'json')
          return {
            status: 200,
            body: Buffer.from(encodeAnswer(operation, output as never, 'json')).toString(),
          }
        })
        const answered: unknown = await client.send(commandOf(operation, input))
        expect(plain(read)).toEqual(plain(input))
        expect(plain(answered)).toEqual(plain(output))
      }),
      { numRuns: 20 },
    )
  })
})

test('errors reach the caller by name and text, those of a body that cannot be read too', async () => {
  for (const [code, message] of [
    ['ResourceNotFoundException', 'Stream a under account 000000000000 not found.'],
    ['SerializationException', 'Expected list or null'],
  ] as const) {
    const error = new KinesisError(code, message)
    const client = clientThatMeets(() => ({ status: 400, body: encodeError(error, 'json') as string }))
    await expect(client.send(new sdk.ListStreamsCommand({}))).rejects.toMatchObject({ name: code, message })
  }
})
