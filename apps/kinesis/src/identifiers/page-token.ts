// Tokens with which a listing goes on: any small value and when it was given, sealed. Pure.
import type { Seal } from './seal.ts'

/** A token that was opened: what it carries, or that its time is over. */
export type PageToken<T> =
  { readonly expired: false; readonly content: T } | { readonly expired: true; readonly createdAtMs: number }

/** How long a token is taken. */
export const PAGE_TOKEN_LIFE_MS = 300_000

/** Base64. The content is JSON; it tells the listing, besides the place in it, so that no token serves another one. */
export function sealPageToken(seal: Seal, content: unknown, nowMs: number): string {
  return seal.close('page-token', Buffer.from(JSON.stringify([nowMs, content]))).toString('base64')
}

/** Returns undefined for what this seal did not close. `T` is the caller's claim: check what tells the listing. */
export function openPageToken<T>(seal: Seal, text: string, nowMs: number): PageToken<T> | undefined {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) return undefined
  const sealed = seal.open('page-token', bytes)
  if (sealed === undefined) return undefined
  const [createdAtMs, content] = JSON.parse(sealed.toString()) as [number, T]
  if (nowMs - createdAtMs > PAGE_TOKEN_LIFE_MS) return { expired: true, createdAtMs }
  return { expired: false, content }
}
