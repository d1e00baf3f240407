// The cipher agrees with the vectors of its definition, which need AES-256-GCM to agree with its own.
import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { xaesOpen, xaesSeal } from '../../../protocol/batch/xaes.ts'

const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX')
const plaintext = Buffer.from('XAES-256-GCM')

/** Of c2sp.org/XAES-256-GCM: one for each branch of the derivation. */
const vectors = [
  { byte: 0x01, authenticated: '', sealed: 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271' },
  {
    byte: 0x03,
    authenticated: 'c2sp.org/XAES-256-GCM',
    sealed: '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d',
  },
] as const

describe('XAES-256-GCM', () => {
  it.each(vectors)('gives the bytes of its definition for the key of 0x0$byte', (vector) => {
    const secret = createSecretKey(Buffer.alloc(32, vector.byte))
    const context = { nonce, authenticated: Buffer.from(vector.authenticated) }
    const { ciphertext, tag } = xaesSeal(secret, context, plaintext)
    expect(Buffer.concat([ciphertext, tag]).toString('hex')).toBe(vector.sealed)
    expect(Buffer.from(xaesOpen(secret, context, { ciphertext, tag })!)).toEqual(plaintext)
  })

  it('opens nothing of which a part was changed', () => {
    const secret = createSecretKey(Buffer.alloc(32, 1))
    const context = { nonce, authenticated: Buffer.from('header') }
    const sealed = xaesSeal(secret, context, plaintext)
    const flipped = (bytes: Uint8Array) => Buffer.from(bytes).map((byte, i) => (i === 0 ? byte ^ 1 : byte))
    expect(xaesOpen(secret, context, sealed)).toBeDefined()
    expect(xaesOpen(createSecretKey(Buffer.alloc(32, 2)), context, sealed)).toBeUndefined()
    expect(xaesOpen(secret, { ...context, nonce: flipped(nonce) }, sealed)).toBeUndefined()
    expect(xaesOpen(secret, { ...context, authenticated: flipped(Buffer.from('header')) }, sealed)).toBeUndefined() // prettier-ignore
    expect(xaesOpen(secret, context, { ...sealed, ciphertext: flipped(sealed.ciphertext) })).toBeUndefined()
    expect(xaesOpen(secret, context, { ...sealed, tag: flipped(sealed.tag) })).toBeUndefined()
  })
})
