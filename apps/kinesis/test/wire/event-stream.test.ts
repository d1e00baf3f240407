// Frames of an answer without end, read by the codec of the SDKs.
import { EventStreamCodec } from '@smithy/core/event-streams'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, type EventFrame } from '../../src/wire/event-stream.ts'

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString(),
  (text) => Buffer.from(text),
)

const frame = fc.record({
  kind: fc.constantFrom('event' as const, 'exception' as const),
  name: fc.string({ minLength: 1, maxLength: 40 }),
  contentType: fc.constantFrom('application/json', 'application/cbor'),
  payload: fc.oneof(fc.string(), fc.uint8Array()),
})

test('encodeFrame: is read by the codec of the SDKs, whatever it holds', () => {
  fc.assert(
    fc.property(frame, ({ kind, name, contentType, payload }: EventFrame) => {
      const { headers, body } = codec.decode(encodeFrame({ kind, name, contentType, payload }))
      expect(headers).toEqual({
        ':message-type': { type: 'string', value: kind },
        [kind === 'event' ? ':event-type' : ':exception-type']: { type: 'string', value: name },
        ':content-type': { type: 'string', value: contentType },
      })
      expect(Buffer.from(body)).toEqual(Buffer.from(payload as string))
    }),
  )
})
