// The principals of the daemon's apps, and the token that each life of an app is given. Runs in the controller. A token is told to
// the app alone, over its channel; what is stored is its hash, as of every token. It is revoked when the app ends, and one that a
// daemon left behind by its end when the next one starts.
import { randomBytes } from 'node:crypto'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { EVERYTHING, mayEverything } from '../../access/identity.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Clock } from '../../time.ts'
import { newToken } from './new-credentials.ts'
import type { AccessRegistry } from './registry.ts'
import { credentialsOf, type AccessState, type AccessWrite } from './state.ts'

/** The principal of an app. */
export function principalOfApp(app: string): string {
  return `app-${app}`
}

export interface AppTokensOptions {
  readonly registry: AccessRegistry
  readonly now: Clock
  readonly log: Logger
}

export class AppTokens {
  readonly #options: AppTokensOptions

  constructor(options: AppTokensOptions) {
    this.#options = options
  }

  /**
   * Makes a token for a new life of an app and revokes those of its earlier lives, in one change. Makes the principal where there is
   * none. Rejects with `unavailable` where the disk has no room.
   */
  async renew(app: string): Promise<string> {
    const { registry, now } = this.#options
    const { text, id, secretHash } = newToken(randomBytes)
    const principal = principalOfApp(app)
    await registry.change((state) => {
      const createdAt = now()
      const description = `of the app ${app} that this daemon runs`
      const value = { principal, description, createdAt, secretHash, isOfApp: true } as const
      const writes: AccessWrite[] = [
        ...principalWrites(state, principal, createdAt),
        ...revocations(state, (token) => token.principal === principal),
        { family: 'token', key: id, value },
      ]
      return { writes, result: undefined }
    }, noRoom)
    return text
  }

  /** Revokes the token of an app that has ended, or what an earlier daemon has left of all apps. Never rejects. */
  async revoke(app?: string): Promise<void> {
    const { registry, log } = this.#options
    const principal = app === undefined ? undefined : principalOfApp(app)
    const isMeant = (token: { readonly principal: string }): boolean =>
      principal === undefined || token.principal === principal
    try {
      await registry.change((state) => ({ writes: revocations(state, isMeant), result: undefined }), noRoom)
    } catch (error) {
      log.warn({ err: error, app }, 'the token of an app is not revoked; the next start revokes it')
    }
  }
}

/**
 * Gives the principal what an app needs. One that has less was made by somebody else under the name: what he made for it is revoked,
 * or it would be a way to everything.
 */
function principalWrites(state: AccessState, name: string, now: number): AccessWrite[] {
  const found = state.principal.get(name)
  if (found !== undefined && mayEverything(found, now)) return []
  const grants = [{ ...EVERYTHING, actions: [...EVERYTHING.actions] }]
  const foreign = (['token', 'accessKey'] as const).flatMap((family) =>
    credentialsOf(state, family, name).map((key) => ({ family, key, value: undefined }) as const),
  )
  const value = { createdAt: found?.createdAt ?? now, grants, certificateNames: [] }
  return [...foreign, { family: 'principal', key: name, value }]
}

function revocations(
  { token }: AccessState,
  isMeant: (token: { readonly principal: string }) => boolean,
): AccessWrite[] {
  return [...token].flatMap(([key, value]) =>
    value.isOfApp === true && isMeant(value) ? [{ family: 'token', key, value: undefined } as const] : [],
  )
}

const noRoom: Fail<'storageFull'> = (_, message) => {
  throw refusal('unavailable', message)
}
