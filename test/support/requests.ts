// Requests of a client that leaves every setting to the broker. Pure.
import { servedSettings } from '../../broker/control/streams/stream-settings.ts'
import type { RequestOf, SettingsRequest } from '../../protocol/operations.ts'
import { settingDefaults, settingNames } from '../../protocol/stream-settings.ts'

/** A settings object with every setting undefined. */
export const unsaid = Object.fromEntries(settingNames.map((name) => [name, undefined])) as SettingsRequest

/** A request for a stream with `shardCount` shards and default settings. */
export function createRequest(name: string, shardCount = 1): RequestOf<'createStream'> {
  return { name, shardCount, ...unsaid }
}

/** The settings that hosts get for a stream without settings. */
export const servedDefaults = servedSettings({
  ...settingDefaults,
  scaling: { shardsMin: 1, shardsMax: 1, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 },
})
