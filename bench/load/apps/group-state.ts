// Waits for what a group of an app has done. Runs in load processes. A group that is not there yet has done nothing.
import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError, type Client, type GroupDescription } from '../../../client/index.ts'

const LOOK_EVERY_MS = 20

/** Fulfils when every shard has a member. */
export function untilOwned(client: Client, group: string): Promise<void> {
  return until(client, group, ({ shards }) => {
    return shards.length > 0 && shards.every(({ memberId }) => memberId !== undefined)
  })
}

/** Fulfils when all records of the group's streams are processed, and that is stored. */
export function untilProcessed(client: Client, group: string, shards: number): Promise<void> {
  return until(client, group, (found) => {
    return found.shards.length === shards && found.shards.every(({ recordsBehind }) => recordsBehind === 0)
  })
}

async function until(
  client: Client,
  group: string,
  isSo: (found: GroupDescription) => boolean,
): Promise<void> {
  for (;;) {
    const found = await client.describeGroup(group).catch((error: unknown) => {
      if (MillraceError.is(error, 'groupNotFound')) return undefined
      throw error
    })
    if (found !== undefined && isSo(found)) return
    await delay(LOOK_EVERY_MS)
  }
}
