// The form of access keys: an id of 20 characters and a secret of 40, as clients of Kinesis take them. Runs anywhere, pure.
export const ACCESS_KEY_ID_LENGTH = 20
/** 30 random bytes in Base64. */
export const ACCESS_KEY_SECRET_BYTES = 30
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const PREFIX = 'MRK'
/** Random bytes that an id is made of. */
export const ACCESS_KEY_ID_BYTES = ACCESS_KEY_ID_LENGTH - PREFIX.length

/** Makes an id of random bytes, one for each character. */
export function accessKeyId(random: Uint8Array): string {
  return PREFIX + Array.from(random, (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}

export function accessKeySecret(random: Uint8Array): string {
  return Buffer.from(random).toString('base64')
}

/** True if the text has the form of an id that `accessKeyId` makes. */
export function isAccessKeyId(text: string): boolean {
  return text.length === ACCESS_KEY_ID_LENGTH && /^MRK[A-Z2-7]+$/.test(text)
}
