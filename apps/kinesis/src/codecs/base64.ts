// Base64 as the service takes it: in whole groups of four, padded, no other bits set. Pure.
import { unreadable } from './coercion-refusals.ts'

/** Text that a refusal repeats is cut to so many characters, so that no answer is as large as its request. */
const QUOTED_CHARACTERS_MAX = 1024

/** The bytes of base64 text. Fails with SerializationException where the text is not exactly that of some bytes. */
export function bytesOfBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) {
    throw notBase64(text, `Base64 encoded length is expected a multiple of 4 bytes but found: ${text.length}`)
  }
  const bytes = Buffer.from(text, 'base64')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  // Node skips what is no base64: then there are fewer bytes than the length of the text promises.
  const isWhole =
    bytes.length === (text.length / 4) * 3 - padding && !text.includes('-') && !text.includes('_')
  if (!isWhole || !endsInZeroBits(text, padding)) throw notBase64(text, flawOf(text))
  return bytes
}

/** Whether the bits of the last character that belong to no byte are zero. */
function endsInZeroBits(text: string, padding: number): boolean {
  if (padding === 0) return true
  const last = text.charAt(text.length - 1 - padding)
  return (padding === 2 ? 'AQgw' : 'AEIMQUYcgkosw048').includes(last)
}

function flawOf(text: string): string {
  const [character] = /[^a-zA-Z0-9+/=]|=(?=[^=])/.exec(text) ?? []
  return character === undefined
    ? 'Invalid last non-pad Base64 character dectected'
    : `Invalid Base64 character: '${character}'`
}

function notBase64(text: string, flaw: string) {
  const quoted = text.length > QUOTED_CHARACTERS_MAX ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}…` : text
  return unreadable(`'${quoted}' can not be converted to a Blob: ${flaw}`)
}
