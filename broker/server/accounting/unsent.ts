// Which accounts have more unsent output than their quota, and whose sessions are cut for it. Runs on the main thread of every
// process that listens; pure. It is looked at only while the output of all is so much that one account could be beyond its own.
import type { Account } from '../../access/quotas/account.ts'
import type { Sender } from '../output-budget.ts'

/** What is needed to know of a session. */
export interface Debtor extends Sender {
  readonly usage: { readonly payers: readonly Account[] }
  /** The buffers that hold what waits to be sent. */
  readonly output: { readonly buffers: Iterable<ArrayBufferLike> }
}

export interface Cut<S> {
  readonly session: S
  readonly account: Account
}

/** Returns the sessions to cut, in this order: of each account first those that take nothing, the largest first. */
export function overdrawn<S extends Debtor>(
  sessions: Iterable<S>,
  cutOrder: (senders: Iterable<S>) => readonly S[],
): Cut<S>[] {
  const ofAccount = new Map<Account, S[]>()
  for (const session of sessions) {
    if (session.heldBytes === 0) continue
    for (const account of session.usage.payers) {
      if (account.values.unsentBytes === Infinity) continue
      const own = ofAccount.get(account)
      if (own === undefined) ofAccount.set(account, [session])
      else own.push(session)
    }
  }
  return [...ofAccount].flatMap(([account, own]) => cutsOf(account, own, cutOrder))
}

function cutsOf<S extends Debtor>(
  account: Account,
  sessions: readonly S[],
  cutOrder: (senders: Iterable<S>) => readonly S[],
): Cut<S>[] {
  // A buffer that several sessions hold counts once.
  const holders = new Map<ArrayBufferLike, number>()
  let bytes = 0
  for (const { output } of sessions) {
    for (const buffer of output.buffers) {
      const count = holders.get(buffer) ?? 0
      if (count === 0) bytes += buffer.byteLength
      holders.set(buffer, count + 1)
    }
  }
  const cuts: Cut<S>[] = []
  for (const session of cutOrder(sessions)) {
    if (bytes <= account.values.unsentBytes) break
    cuts.push({ session, account })
    for (const buffer of session.output.buffers) {
      const count = holders.get(buffer)! - 1
      holders.set(buffer, count)
      if (count === 0) bytes -= buffer.byteLength
    }
  }
  return cuts
}
