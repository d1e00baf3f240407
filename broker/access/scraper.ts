// Whether one who asks for the metrics by HTTP may have them. Runs in the controller; pure. They name groups and count what all
// do, so that they are for who may describe the broker, wherever it must be known who asks.
import type { Clock } from '../time.ts'
import { lacking } from './denial.ts'
import type { Identity } from './identity.ts'
import type { Policy } from './policy.ts'

/** What a request for metrics shows of the one who sends it. */
export interface Scraper {
  /** The Authorization header. */
  readonly authorization: string | undefined
  /** True if nobody on the way can read it. */
  readonly isPrivate: boolean
}

/** Why the metrics are refused. */
export interface ScrapeRefusal {
  readonly code: 'unauthenticated' | 'permissionDenied'
  readonly message: string
  readonly principal?: string | undefined
}

const DESCRIBES = { action: 'describe', kind: 'broker', name: '*' } as const

/** Returns why the metrics are refused; undefined where they are given. */
export function scrapeRefusal(policy: Policy, scraper: Scraper, now: Clock): ScrapeRefusal | undefined {
  if (policy.access === 'open') return undefined
  const found = identityOf(policy, scraper, now)
  if (typeof found === 'string') return { code: 'unauthenticated', message: found }
  const { principal } = found
  if (found.may(DESCRIBES.action, DESCRIBES.kind, DESCRIBES.name)) return undefined
  return { code: 'permissionDenied', message: lacking(found, DESCRIBES).message, principal }
}

/** Who asks, or why that is not known. */
function identityOf(policy: Policy, { authorization, isPrivate }: Scraper, now: Clock): Identity | string {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) return 'Send the header Authorization: Bearer, with a token of this broker.'
  if (!isPrivate) return 'A token is taken over TLS, or from the machine of the broker: revoke this one.'
  const verdict = policy.verify(token, now())
  return 'refused' in verdict ? verdict.refused : policy.identityOf(verdict.credential, now)
}
