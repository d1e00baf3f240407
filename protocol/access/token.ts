// The text of a token: `mr_<id>_<secret>`. Runs anywhere, pure. The id is public, in lists and logs; the secret is 32 random bytes,
// known to the bearer alone. A text has one reading, and a token one text: what is not exactly of the form is no token.
import { Buffer } from 'node:buffer'

/** Random bytes of a secret: too many to be guessed, so a plain hash of them is safe to store. */
export const TOKEN_SECRET_BYTES = 32
export const TOKEN_ID_LENGTH = 16

/** 43 characters of Base64url hold 258 bits: the last character has 4 bits of the secret, and two that are 0. */
const FORM = /^mr_([0-9A-Za-z]{16})_([0-9A-Za-z_-]{42}[AEIMQUYcgkosw048])$/
/** Length of every token. */
const TOKEN_LENGTH = 'mr_'.length + TOKEN_ID_LENGTH + '_'.length + 43

export interface TokenParts {
  readonly id: string
  readonly secret: Uint8Array
}

/** Returns the parts of a token; undefined for a text that is none. */
export function parseToken(text: string): TokenParts | undefined {
  if (text.length !== TOKEN_LENGTH) return undefined
  const [, id, secret] = FORM.exec(text) ?? []
  if (id === undefined || secret === undefined) return undefined
  return { id, secret: Buffer.from(secret, 'base64url') }
}

export function printToken({ id, secret }: TokenParts): string {
  return `mr_${id}_${Buffer.from(secret).toString('base64url')}`
}
