// Makes tokens and access keys of random bytes. Runs in the controller; pure.
import {
  ACCESS_KEY_ID_BYTES,
  ACCESS_KEY_SECRET_BYTES,
  accessKeyId,
  accessKeySecret,
} from '../../../protocol/access/access-key.ts'
import { printToken, TOKEN_ID_LENGTH, TOKEN_SECRET_BYTES } from '../../../protocol/access/token.ts'
import { secretHashOf } from '../../access/policy.ts'

/** Returns as many bytes that nobody can guess. */
export type RandomBytes = (length: number) => Buffer

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A new token: its text, which is told once, and what is stored of it. */
export interface NewToken {
  readonly family: 'token'
  readonly text: string
  readonly id: string
  readonly secretHash: string
}

export function newToken(random: RandomBytes): NewToken {
  // An id is public, and need only be one of its kind: that some characters are a little more frequent does not matter.
  const id = Array.from(random(TOKEN_ID_LENGTH), (byte) => BASE62[byte % BASE62.length]).join('')
  const secret = random(TOKEN_SECRET_BYTES)
  return {
    family: 'token',
    id,
    text: printToken({ id, secret }),
    secretHash: secretHashOf(secret).toString('hex'),
  }
}

export function newAccessKey(random: RandomBytes): { readonly id: string; readonly secret: string } {
  return {
    id: accessKeyId(random(ACCESS_KEY_ID_BYTES)),
    secret: accessKeySecret(random(ACCESS_KEY_SECRET_BYTES)),
  }
}
