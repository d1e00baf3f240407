// First bytes of TLS on a plaintext connection.
import { expect, it } from 'vitest'
import { asPlaintextFailure, asTlsFailure } from '../../../client/connecting/tls-failure.ts'

it('a plaintext client that is answered by an alert or a handshake of TLS learns which scheme to use', () => {
  for (const type of [0x15, 0x16]) {
    const error = asPlaintextFailure(Uint8Array.of(type, 3, 3, 0, 2, 2, 70), 'a:1')
    expect(error).toMatchObject({
      code: 'tlsFailed',
      message: 'No connection to a:1: the broker there speaks TLS; use millraces://.',
    })
  }
  expect(asPlaintextFailure(Uint8Array.of(0, 0, 0, 9), 'a:1')).toBeUndefined()
  expect(asPlaintextFailure(Uint8Array.of(0x15), 'a:1')).toBeUndefined()
})

it('errors of the network and errors without a code are no failures of TLS', () => {
  for (const code of ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', undefined, 7]) {
    const error = Object.assign(new Error('x'), { code })
    expect(asTlsFailure(error, { at: 'a:1', names: ['a'] })).toBeUndefined()
  }
})
