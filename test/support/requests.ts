// Requests as a client sends them that leaves everything to the broker. Pure.
import { servedSettings } from '../../broker/control/stream-settings.ts'
import type { RequestOf, SettingsRequest } from '../../protocol/operations.ts'
import { settingDefaults, settingNames } from '../../protocol/stream-settings.ts'

/** Every setting left out. */
export const unsaid = Object.fromEntries(settingNames.map((name) => [name, undefined])) as SettingsRequest

/** A stream with so many shards, and defaults for the rest. */
export function createRequest(name: string, shardCount = 1): RequestOf<'createStream'> {
  return { name, shardCount, ...unsaid }
}

/** What hosts are told of a stream whose creator said nothing. */
export const servedDefaults = servedSettings({
  ...settingDefaults,
  scaling: { shardsMin: 1, shardsMax: 1, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 },
})
