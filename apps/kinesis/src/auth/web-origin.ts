// Web pages as callers. Pure. A browser says which page sends a request, and no page can make it say another: where nobody signs,
// a page of any site that somebody at this machine has open could otherwise read and delete all streams.
import type { RequestHead } from '../wire/request-head.ts'

/** The page of another machine that sends a request; undefined for none, for one of this machine, and for what no browser says. */
export function foreignPageOf(head: RequestHead): string | undefined {
  const origin = head.header('origin')
  if (origin === undefined) return undefined
  // Of a page that the browser has shut off, or of one in a file.
  if (origin === 'null') return origin
  if (!URL.canParse(origin)) return undefined
  return isLoopback(new URL(origin).hostname) ? undefined : origin
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
  )
}
