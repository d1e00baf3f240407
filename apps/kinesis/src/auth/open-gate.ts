// The gate of an endpoint that asks for no signatures: requests must look signed, as everywhere, and are not verified.
// Runs in the endpoint. Whoever reaches the port may do what the endpoint may, but for web pages of other machines.
import type { Caller } from '../call.ts'
import { KinesisError } from '../model/errors.ts'
import type { EndpointSettings } from '../settings.ts'
import type { Authenticated, WireRequest } from '../wire/api.ts'
import { authorizationOf, scopeOf } from './authorization.ts'
import { foreignPageOf } from './web-origin.ts'

/** Says who sent a request to a service. Fails with KinesisError. */
export type Gate = (
  service: string,
  request: Pick<WireRequest, 'head' | 'body' | 'signal'>,
) => Promise<Authenticated>

/** A name that can stand in an ARN. */
const REGION = /^[a-z0-9-]{1,63}$/

export function openGate(own: Caller['client'], settings: EndpointSettings): Gate {
  const caller: Caller = { principal: undefined, client: own, may: () => Promise.resolve(true) }
  return async (_service, { head }) => {
    const page = foreignPageOf(head)
    if (page !== undefined) throw foreignPage(page)
    const { region } = scopeOf(authorizationOf(head).credential) ?? {}
    const isRegion = region !== undefined && REGION.test(region)
    if (isRegion && settings.region !== undefined && region !== settings.region) throw wrongRegion(region)
    return { caller, region: isRegion ? region : (settings.region ?? settings.regionDefault) }
  }
}

function foreignPage(page: string): KinesisError {
  return new KinesisError(
    'AccessDeniedException',
    `A web page of ${page} may not call an endpoint that verifies no signatures: serve the page from localhost, or verify signatures (auth sigv4).`,
  )
}

/** Refuses a signature for another region than the only one that is served. */
export function wrongRegion(region: string): KinesisError {
  return new KinesisError(
    'InvalidSignatureException',
    `Credential should be scoped to a valid region, not '${region}'. `,
  )
}
