// Messages as they travel: each arrives as it was sent, and what is wrong is refused by name.
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import { events, type EventName } from '../../../protocol/events.ts'
import { limits } from '../../../protocol/limits.ts'
import {
  decodeMessage,
  decodeResponse,
  encodeError,
  encodeEvent,
  encodeRequest,
  encodeResponse,
  messageKinds,
  RequestRefused,
  SharedResponse,
} from '../../../protocol/frame/messages.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { operations, type OperationName } from '../../../protocol/operations.ts'
import { anyText, plain, uint, valueOf, wellFormed } from '../arbitraries.ts'

const operationNames = Object.keys(operations) as OperationName[]
const eventNames = Object.keys(events) as EventName[]

function payloadOf(chunks: Uint8Array[]): Buffer {
  return Buffer.concat(chunks).subarray(4)
}

const foreign = new Packr({ useRecords: false })

/** An envelope with any content, as another implementation would send it. */
function envelope(...fields: unknown[]): Buffer {
  return foreign.pack(fields)
}

function thrownBy(payload: Uint8Array): unknown {
  try {
    decodeMessage(payload)
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('messages', () => {
  test.each(operationNames)('%s: any request and any response arrive as they were sent', (operation) => {
    const { request, response } = operations[operation]
    fc.assert(
      fc.property(valueOf(request), uint(Number.MAX_SAFE_INTEGER), (value, correlationId) => {
        const message = decodeMessage(payloadOf(encodeRequest(operation, correlationId, value as never)))
        expect(plain(message)).toEqual(plain({ kind: 'request', operation, correlationId, request: value }))
      }),
      { numRuns: 30 },
    )
    fc.assert(
      fc.property(valueOf(response), uint(Number.MAX_SAFE_INTEGER), (value, correlationId) => {
        const shared = new SharedResponse(operation, value)
        const alone = Buffer.concat(encodeResponse(operation, correlationId, value as never))
        for (let i = 0; i < 2; i++) expect(Buffer.concat(shared.encode(correlationId))).toEqual(alone)
      }),
      { numRuns: 10 },
    )
    fc.assert(
      fc.property(valueOf(response), uint(Number.MAX_SAFE_INTEGER), (value, correlationId) => {
        const message = decodeMessage(payloadOf(encodeResponse(operation, correlationId, value as never)))
        expect(message).toMatchObject({ kind: 'response', id: operations[operation].id, correlationId })
        const decoded = decodeResponse(operation, message.kind === 'response' ? message.wire : undefined)
        expect(plain(decoded)).toEqual(plain(value))
      }),
      { numRuns: 30 },
    )
  })

  test.each(eventNames)('%s: any body arrives as it was sent', (event) => {
    fc.assert(
      fc.property(valueOf(events[event].body), (body) => {
        const message = decodeMessage(payloadOf(encodeEvent(event, body as never)))
        expect(plain(message)).toEqual(plain({ kind: 'event', event, body }))
      }),
      { numRuns: 30 },
    )
  })

  test.each(Object.keys(errorCodes) as ErrorCode[])('%s: arrives as an error with its meaning', (code) => {
    const message = decodeMessage(payloadOf(encodeError(7, { code, message: 'why', retryAfterMs: 20 })))
    if (message.kind !== 'error') throw new Error(`got a ${message.kind}`)
    expect(message.correlationId).toBe(7)
    expect(MillraceError.is(message.error, code)).toBe(true)
    expect(message.error).toMatchObject({ message: 'why', retryAfterMs: 20, retry: errorCodes[code].retry })
  })

  test.each([
    [1.2, 2],
    [-3, 0],
    [NaN, undefined],
    [Infinity, undefined],
    [2 ** 60, undefined],
  ])('an error whose retryAfterMs is %d is sent all the same', (retryAfterMs, received) => {
    const message = decodeMessage(
      payloadOf(encodeError(1, { code: 'overloaded', message: 'why', retryAfterMs })),
    )
    expect(message).toMatchObject({ kind: 'error', error: { retryAfterMs: received } })
  })

  test('an error with any text can be sent: what is too long is cut', () => {
    fc.assert(
      fc.property(fc.oneof(anyText({ maxLength: 6000 }), fc.constant('é'.repeat(5000))), (text) => {
        const message = decodeMessage(payloadOf(encodeError(1, { code: 'internal', message: text })))
        if (message.kind !== 'error') throw new Error(`got a ${message.kind}`)
        expect(Buffer.byteLength(message.error.message)).toBeLessThanOrEqual(limits.textBytesMax)
        expect(wellFormed(text).startsWith(message.error.message.slice(0, -1))).toBe(true)
      }),
    )
  })

  test('an error code of a newer peer reads as internal', () => {
    const message = decodeMessage(envelope(messageKinds.error, 60_000, 7, ['new']))
    expect(message).toMatchObject({ kind: 'error', error: { code: 'internal', message: 'new' } })
  })

  test('a batch in an append is never copied on its way out', () => {
    const batch = new Uint8Array(100_000)
    const chunks = encodeRequest('append', 1, {
      batches: [{ streamId: 1, shardIndex: 2, batch, producerSecret: undefined }],
    })
    expect(chunks).toContain(batch)
  })

  test('a request that breaks a bound is refused where it is made', () => {
    expect(() => encodeRequest('describeStream', 1, { name: 'x'.repeat(129) })).toThrow(
      /name is 129 bytes long/,
    )
  })

  test('a request with a bad body is refused by name, to its correlation id', () => {
    const error = thrownBy(envelope(messageKinds.request, operations.fetch.id, 9, [[[1, -2, 3, 4]], 5, 6]))
    expect(error).toBeInstanceOf(RequestRefused)
    expect(error).toMatchObject({
      correlationId: 9,
      error: {
        code: 'invalidArgument',
        message: 'shards[0].shardIndex must be a whole number from 0 to 2147483647, got -2',
      },
    })
  })

  test('a map where an array of fields is due is refused by name', () => {
    const error = thrownBy(
      envelope(messageKinds.request, operations.describeStream.id, 9, { name: 'clicks' }),
    )
    expect(error).toMatchObject({ error: { message: 'The body must be an array of fields, got a map' } })
  })

  test('an unknown operation is refused by name, whatever its body', () => {
    const error = thrownBy(envelope(messageKinds.request, 9999, 9, 'anything'))
    expect(error).toMatchObject({ correlationId: 9, error: { code: 'unknownOperation' } })
  })

  test.each([
    ['no array', envelope().fill(0x07)],
    ['too short', envelope(1, 1, 1)],
    ['an unknown kind', envelope(9, 1, 1, [])],
    ['a correlation id that is no number', envelope(1, 1, 'x', [])],
    ['an id that is no number', envelope(1, null, 1, [])],
    ['an unknown event', envelope(messageKinds.event, 999, 0, [])],
    ['an event with a bad body', envelope(messageKinds.event, events.credit.id, 0, ['x'])],
    ['an error with a bad body', envelope(messageKinds.error, 1, 1, [])],
    ['no msgpack', Uint8Array.of(0xc1)],
  ])('an envelope that is %s closes the connection', (_, payload) => {
    expect(MillraceError.is(thrownBy(payload), 'malformedFrame')).toBe(true)
  })

  test('an answer that cannot be read is a defect of the broker, whose request may have had its effect', () => {
    expect(() => decodeResponse('createStream', [])).toThrow(
      expect.objectContaining({ code: 'internal', sideEffects: 'possible' }),
    )
  })

  test('an envelope may grow at its end', () => {
    expect(decodeMessage(envelope(messageKinds.request, operations.ping.id, 3, [], 'new'))).toMatchObject({
      kind: 'request',
      operation: 'ping',
      correlationId: 3,
    })
  })
})
