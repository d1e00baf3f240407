// Keeps principals and their credentials: stores changes, and gives the policy that they make to everything that enforces it. Runs
// in the controller, over the small rows. Changes are made one after the other, each on the result of those before it; one is
// answered when it is on the disk, and every process that runs enforces it.
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { Policy, type Access, type PolicyData } from '../../access/policy.ts'
import type { TokenUse } from '../../access/token-uses.ts'
import type { Session } from '../../server/session.ts'
import type { SmallRowsStore } from '../../small-rows-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import {
  accessFamilies,
  applyWrites,
  policyOf,
  readAccess,
  storedWrites,
  type AccessFamily,
  type AccessPlan,
  type AccessState,
  type AccessWrite,
  type CredentialFamily,
} from './state.ts'
import { STORE_EVERY_MS, UseTimes } from './use-times.ts'

/** Rows that one change of the store takes. */
const CHANGE_ROWS_MAX = 200

/** Enforces a policy: at once in this process, in the hosts when it fulfils. */
export type Enforce = (policy: Policy, asker: Session | undefined) => Promise<void>

export interface AccessRegistryOptions {
  readonly store: SmallRowsStore
  readonly access: Access
  readonly log: Logger
}

export class AccessRegistry {
  readonly #options: AccessRegistryOptions
  readonly #times = new UseTimes()
  #state: AccessState
  #data: PolicyData
  #policy: Policy
  #enforce: Enforce = () => Promise.resolve()
  /** Fulfils when the policy of the last change is enforced. */
  #enforced: Promise<void> = Promise.resolve()
  /** The last change that was asked for; the next one begins after it. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: AccessRegistryOptions) {
    this.#options = options
    this.#state = readAccess(readRows(options.store, options.log))
    this.#data = policyOf(this.#state, { version: 1, access: options.access })
    this.#policy = new Policy(this.#data)
  }

  get state(): AccessState {
    return this.#state
  }

  get policy(): Policy {
    return this.#policy
  }

  /** The policy as hosts get it. */
  get policyData(): PolicyData {
    return this.#data
  }

  /** Says what enforces each policy from now on. */
  enforceBy(enforce: Enforce): void {
    this.#enforce = enforce
  }

  /** Makes the change that `plan` returns for the state of its turn. `asker`: the session that asks for it. */
  async change<R>(
    plan: (state: AccessState) => AccessPlan<R> | Promise<AccessPlan<R>>,
    fail: Fail<'storageFull'>,
    asker?: Session,
  ): Promise<R> {
    const { result, isEnforced } = await this.#inTurn(async () => {
      const { writes, result } = await plan(this.#state)
      // What is so already may not be enforced everywhere yet.
      if (writes.length === 0) return { result, isEnforced: this.#enforced }
      await this.#store(writes, fail)
      this.#data = policyOf(this.#state, { ...this.#data, version: this.#data.version + 1 })
      this.#policy = new Policy(this.#data)
      this.#enforced = this.#enforce(this.#policy, asker)
      return { result, isEnforced: this.#enforced }
    })
    await isEnforced
    return result
  }

  /** Notes uses that a process has seen. */
  used(uses: readonly TokenUse[]): void {
    for (const { id, usedAt } of uses) this.#times.add('token', id, usedAt)
  }

  /** Notes the use of an access key. */
  usedAccessKey(id: string, now: number): void {
    this.#times.add('accessKey', id, now)
  }

  lastUsedAt(family: CredentialFamily, id: string): number | undefined {
    return this.#times.lastOf(family, id, this.#state[family].get(id)?.lastUsedAt)
  }

  /** Stores when credentials were last used, where what is stored is older by `olderMs`. Never rejects. */
  async storeUses(olderMs = STORE_EVERY_MS): Promise<void> {
    await this.#inTurn(async () => {
      const writes = this.#times.due(this.#state, olderMs)
      for (let from = 0; from < writes.length; from += CHANGE_ROWS_MAX) {
        await this.#store(writes.slice(from, from + CHANGE_ROWS_MAX), refuse)
      }
    }).catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'the times at which tokens were used are not stored')
    })
  }

  async #store(writes: readonly AccessWrite[], fail: Fail<'storageFull'>): Promise<void> {
    const outcome = await this.#options.store.change(storedWrites(writes))
    if (outcome.is !== 'stored') fail('storageFull', 'The disk has no room for a change of who may do what.')
    this.#state = applyWrites(this.#state, writes)
  }

  #inTurn<R>(task: () => Promise<R>): Promise<R> {
    const turn = this.#last.then(task)
    this.#last = turn.catch(() => {})
    return turn
  }
}

const refuse: Fail<'storageFull'> = (_, message) => {
  throw refusal('unavailable', message)
}

/** Reads all rows. One that is damaged is left out and named: whom it was about can do nothing until it is made again. */
function readRows(store: SmallRowsStore, log: Logger): readonly AccessWrite[] {
  return accessFamilies.flatMap((family) =>
    Array.from(store.extents(family)).flatMap(({ key }) => readRow(store, family, key, log)),
  )
}

function readRow(
  store: SmallRowsStore,
  family: AccessFamily,
  key: string,
  log: Logger,
): readonly AccessWrite[] {
  try {
    const row = store.get(family, key)
    return row === undefined ? [] : [{ family, key, value: row.value } as AccessWrite]
  } catch (error) {
    if (!MillraceError.is(error, 'corruptData')) throw error
    log.error({ err: error, family, key }, 'a row about who may do what is damaged and counts for nothing')
    return []
  }
}
