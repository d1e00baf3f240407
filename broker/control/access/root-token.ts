// The token of root that the broker writes to a file of the data directory, so that a new broker can be used, and one can be used
// again of which all tokens are lost. Runs in the controller, at each start. The file is the last thing that is written: while it
// is missing, a start makes a new token and revokes the one that was made for the file before, so a crash in between leaves nothing.
import { randomBytes } from 'node:crypto'
import { ROOT } from '../../../protocol/access/principal-name.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Clock } from '../../time.ts'
import type { SecretFile } from './key-ring.ts'
import { newToken } from './new-credentials.ts'
import type { AccessRegistry } from './registry.ts'
import type { AccessWrite } from './state.ts'

export interface RootTokenOptions {
  readonly registry: AccessRegistry
  readonly file: SecretFile
  readonly now: Clock
  readonly log: Logger
}

/** Makes the file where there is none. Rejects with `unavailable` where the disk has no room, and with the system's error. */
export async function ensureRootToken({ registry, file, now, log }: RootTokenOptions): Promise<void> {
  const text = await file.load()
  if (text !== undefined) {
    const verdict = registry.policy.verify(text.trim(), now())
    if ('refused' in verdict) {
      const todo = `To get another one, delete ${file.path} and start the broker again.`
      log.warn({ path: file.path }, `the token of root in its file is of no use: ${verdict.refused} ${todo}`)
    }
    return
  }
  const { text: token, ...made } = newToken(randomBytes)
  await registry.change((state) => {
    const root = state.principal.get(ROOT)!
    const createdAt = now()
    const earlier = [...state.token].filter(([, { isInFile }]) => isInFile === true)
    const value = {
      principal: ROOT,
      description: `in ${file.path}`,
      createdAt,
      secretHash: made.secretHash,
      isInFile: true,
    } as const
    const writes: AccessWrite[] = [
      { family: 'principal', key: ROOT, value: root.createdAt === 0 ? { ...root, createdAt } : root },
      ...earlier.map(([key]) => ({ family: 'token', key, value: undefined }) as const),
      { family: 'token', key: made.id, value },
    ]
    return { writes, result: undefined }
  }, noRoom)
  await file.save(`${token}\n`)
  log.info({ path: file.path }, 'a token of root, which may do everything, is in a file for its owner alone')
}

const noRoom: Fail<'storageFull'> = (_, message) => {
  throw refusal('unavailable', message)
}
