// Bearer secrets. Pure. How long a comparison takes says nothing about the secret.
import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether the header `Authorization` has the secret. */
export function isSecret(authorization: string | undefined, secret: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1]
  return given !== undefined && timingSafeEqual(digestOf(given), digestOf(secret))
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
