// Everything about who may do what, as the rest of the controller sees it: opened at the start, with the handlers of its operations,
// and the policy in this process and in the hosts. Runs in the controller.
import { randomBytes } from 'node:crypto'
import type { accessOperations } from '../../../protocol/operations/access.ts'
import type { Policy, PolicyData } from '../../access/policy.ts'
import type { Config } from '../../config/derive.ts'
import type { Handlers } from '../../server/dispatch.ts'
import type { Server } from '../../server/server.ts'
import type { SmallRowsStore } from '../../small-rows-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import { withDeadline, type Time } from '../../time.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import { accessHandlers } from './access-handlers.ts'
import { AppTokens } from './app-tokens.ts'
import { KeyRing, type SecretFile } from './key-ring.ts'
import { PolicyPosts } from './policy-posts.ts'
import { AccessRegistry } from './registry.ts'
import { sealedByOf } from './state.ts'
import { ensureRootToken } from './root-token.ts'

/** How often processes are asked which tokens are in use. */
const USES_EVERY_MS = 20_000
/** Longest time that they are waited for. */
const USES_DEADLINE_MS = 5_000
/** The same where the broker stops: a host that hangs must not hold that up. */
const LAST_USES_DEADLINE_MS = 500

/** A server of this process that follows the policy. */
export type PolicyServer = Pick<Server, 'enforce' | 'takeTokenUses'>

/** What is open before there are hosts. */
export interface OpenAccess {
  readonly registry: AccessRegistry
  readonly keyRing: KeyRing
}

/** Reads what is stored, and makes the token of root where it is wanted and missing. */
export async function openAccess({
  store,
  config,
  rootTokenFile,
  accessKeyFile,
  time,
  log,
}: {
  readonly store: SmallRowsStore
  readonly config: Pick<Config, 'access'>
  readonly rootTokenFile: SecretFile | undefined
  readonly accessKeyFile: SecretFile
  readonly time: Time
  readonly log: Logger
}): Promise<OpenAccess> {
  const registry = new AccessRegistry({ store, access: config.access, log })
  const keyRing = new KeyRing(accessKeyFile, randomBytes)
  if (rootTokenFile !== undefined) {
    const parts = { registry, file: rootTokenFile, now: time.now, log }
    await ensureRootToken(parts).catch((error: unknown) => {
      // A full disk must not keep a broker from starting that can be used without this token.
      if (config.access === 'required' && !hasOtherTokens(registry)) throw error
      const message = 'the token of root could not be written: the next start tries again'
      log.error({ err: error, path: rootTokenFile.path }, message)
    })
  }
  const problem = await keyRing.problemWith(sealedByOf(registry.state))
  // Streams do not depend on it.
  if (problem !== undefined) log.error(`access keys cannot be used: ${problem}`)
  return { registry, keyRing }
}

function hasOtherTokens({ state }: AccessRegistry): boolean {
  return [...state.token.values()].some(({ isInFile, isOfApp }) => isInFile !== true && isOfApp !== true)
}

export interface AccessDeskOptions {
  readonly fleet: HostFleet
  readonly time: Time
  readonly log: Logger
}

export class AccessDesk {
  readonly handlers: Handlers<keyof typeof accessOperations>
  readonly appTokens: AppTokens
  readonly #registry: AccessRegistry
  readonly #options: AccessDeskOptions
  readonly #posts: PolicyPosts
  #server: PolicyServer | undefined
  #stopCollecting: (() => void) | undefined

  constructor({ registry, keyRing }: OpenAccess, options: AccessDeskOptions) {
    this.#registry = registry
    this.#options = options
    this.handlers = accessHandlers({ registry, keyRing, now: options.time.now, random: randomBytes })
    this.appTokens = new AppTokens({ registry, now: options.time.now, log: options.log })
    this.#posts = new PolicyPosts({ ...options, policy: () => registry.policyData })
    registry.enforceBy((policy, asker) => {
      this.#server?.enforce(policy, asker)
      return this.#posts.post()
    })
  }

  get policy(): Policy {
    return this.#registry.policy
  }

  /** The policy as hosts get it. */
  get policyData(): PolicyData {
    return this.#registry.policyData
  }

  serveBy(server: PolicyServer): void {
    this.#server = server
  }

  start(): void {
    this.#stopCollecting = this.#options.time.every(
      USES_EVERY_MS,
      () => void this.#collectUses(USES_DEADLINE_MS),
    )
  }

  stop(): void {
    this.#stopCollecting?.()
    this.#posts.stop()
  }

  /** Stores when credentials were last used, before the broker stops. Never rejects. */
  async close(): Promise<void> {
    await this.#collectUses(LAST_USES_DEADLINE_MS)
    await this.#registry.storeUses(0)
  }

  /** Asks every process which tokens are in use. */
  async #collectUses(deadlineMs: number): Promise<void> {
    const { fleet, time } = this.#options
    this.#registry.used(this.#server?.takeTokenUses() ?? [])
    const asked = fleet.hosts.map(async ({ hostId }) => {
      const answer = fleet.call(hostId, 'takeTokenUses', null)
      this.#registry.used((await withDeadline(answer, time, deadlineMs)).uses)
    })
    await Promise.allSettled(asked)
    await this.#registry.storeUses()
  }
}
