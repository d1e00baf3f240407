// What every change of a stream begins with: the stream is found, the caller may change it, and its state allows it. Runs in the
// endpoint.
import type { Action } from 'millrace'
import { accessDenied } from '../native-errors.ts'
import type { EndpointParts } from '../parts.ts'
import type { StatusUntil, StreamFacts } from './stream-facts.ts'
import { placeOf, requireActive, statusOf, type StreamCall, type StreamView } from './stream-view.ts'

/** A day, in which the service counts changes. */
export const DAY_MS = 86_400_000

/** Refuses what the endpoint does by itself, and the caller may not do to the stream. */
export async function requireMay(
  parts: Pick<EndpointParts, 'settings'>,
  call: Pick<StreamCall, 'operation' | 'region' | 'caller'>,
  { action, stream }: { readonly action: Action; readonly stream: string },
): Promise<void> {
  if (await call.caller.may(action, stream)) return
  throw accessDenied(placeOf(call, parts.settings.account, stream))
}

/** The stream that a request changes; refused where the caller may only look at it, and where it is not active. */
export async function streamToChange(
  parts: Pick<EndpointParts, 'settings' | 'book'>,
  call: StreamCall,
): Promise<StreamView> {
  const view = await streamToManage(parts, call)
  requireActive(view, parts.settings.account)
  return view
}

/** The stream that a request changes, in whatever state it is. */
export async function streamToManage(
  parts: Pick<EndpointParts, 'settings' | 'book'>,
  call: StreamCall,
): Promise<StreamView> {
  const view = await parts.book.resolve(call)
  await requireMay(parts, call, { action: 'manage', stream: view.name })
  return view
}

/** The state that a change leaves for a while; undefined where there is no delay. */
export function stateFor(
  { settings, now }: Pick<EndpointParts, 'settings' | 'now'>,
  status: StatusUntil['status'],
): StatusUntil | undefined {
  return settings.stateDelayMs > 0 ? { status, until: now() + settings.stateDelayMs } : undefined
}

/** Changes what the endpoint keeps of an active stream, which is UPDATING for a while then. */
export function changeFacts(
  parts: Pick<EndpointParts, 'settings' | 'book' | 'now'>,
  view: StreamView,
  change: (facts: StreamFacts) => StreamFacts,
): Promise<StreamFacts> {
  return parts.book.update(view, (facts) => {
    // Another request may have changed it since the view was taken.
    requireActive({ ...view, status: statusOf(view.stream, facts, parts.now()) }, parts.settings.account)
    return { ...change(facts), statusUntil: stateFor(parts, 'UPDATING') }
  })
}

/** The moments of the last day, the present one included. */
export function countedNow(moments: readonly number[], now: number): readonly number[] {
  return [...inLastDay(moments, now), now]
}

/** Those of the moments that are less than a day ago. */
export function inLastDay(moments: readonly number[], now: number): readonly number[] {
  return moments.filter((moment) => moment > now - DAY_MS)
}
