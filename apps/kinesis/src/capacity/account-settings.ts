// The settings of the account: the commitment to a minimum throughput, which the service bills, and which here only opens what the
// service opens with it. Runs in the endpoint. One document, the same for all endpoints of a broker.
import type { Call } from '../call.ts'
import { DAY_MS } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { placeOf } from '../book/stream-view.ts'
import type { OutputOf } from '../model/operations.ts'
import { accessDenied } from '../native-errors.ts'

/** When the commitment began, and when it ends or has ended: milliseconds since the epoch. Never made: no document. */
interface Commitment {
  readonly startedAt: number
  readonly endsAt?: number
}

type Parts = Pick<EndpointParts, 'own' | 'now'>

const KIND = 'kinesis-account'
const NAME = 'commitment'
/** Shortest commitment. */
const LEAST_MS = DAY_MS

/** DescribeAccountSettings. */
export async function describeAccountSettings(parts: Parts): Promise<OutputOf<'DescribeAccountSettings'>> {
  const kept = await documents(parts).get(NAME)
  return { MinimumThroughputBillingCommitment: outputOf(kept?.value, parts.now()) }
}

/** UpdateAccountSettings. A commitment that is ended early ends at the earliest time allowed; until then it can go on. */
export async function updateAccountSettings(
  parts: Parts & Pick<EndpointParts, 'settings'>,
  call: Call<'UpdateAccountSettings'>,
): Promise<OutputOf<'UpdateAccountSettings'>> {
  // Only a grant on all streams is one on the account.
  if (!(await call.caller.may('manage', '*'))) throw accessDenied(placeOf(call, parts.settings.account))
  const { Status: status } = call.input.MinimumThroughputBillingCommitment
  const now = parts.now()
  if (status === 'DISABLED' && (await documents(parts).get(NAME)) === undefined) {
    return { MinimumThroughputBillingCommitment: outputOf(undefined, now) }
  }
  const { value } = await documents(parts).update(NAME, (kept) =>
    status === 'ENABLED' ? enabled(kept, now) : disabled(kept, now),
  )
  return { MinimumThroughputBillingCommitment: outputOf(value, now) }
}

/** Whether the account is committed now. */
export async function isCommitted(parts: Parts): Promise<boolean> {
  const kept = await documents(parts).get(NAME)
  return outputOf(kept?.value, parts.now()).Status !== 'DISABLED'
}

function documents({ own }: Parts) {
  return own.documents<Commitment>(KIND)
}

function enabled(kept: Commitment | undefined, now: number): Commitment {
  const goesOn = kept !== undefined && (kept.endsAt === undefined || now < kept.endsAt)
  return { startedAt: goesOn ? kept.startedAt : now }
}

function disabled(kept: Commitment | undefined, now: number): Commitment {
  if (kept === undefined) return { startedAt: now, endsAt: now }
  return { ...kept, endsAt: kept.endsAt ?? Math.max(now, kept.startedAt + LEAST_MS) }
}

function outputOf(commitment: Commitment | undefined, now: number) {
  if (commitment === undefined) return { Status: 'DISABLED' } as const
  const { startedAt, endsAt } = commitment
  const StartedAt = new Date(startedAt)
  if (endsAt !== undefined && endsAt <= now) {
    return { Status: 'DISABLED', StartedAt, EndedAt: new Date(endsAt) } as const
  }
  const EarliestAllowedEndAt = new Date(startedAt + LEAST_MS)
  return endsAt === undefined
    ? ({ Status: 'ENABLED', StartedAt, EarliestAllowedEndAt } as const)
    : ({ Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END', StartedAt, EarliestAllowedEndAt } as const)
}
