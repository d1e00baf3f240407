// Load: a function is called with all records that a stream holds. Runs in a load process; the app is another one.
import { fileURLToPath } from 'node:url'
import type { Client } from '../../../client/index.ts'
import type { EventSourceMapping, FunctionTarget } from '../../../protocol/index.ts'
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { untilProcessed } from '../apps/group-state.ts'
import type { LoadControl } from '../job.ts'
import { doorOf, functionDefinitions } from './functions-app.ts'

/** The modules that are functions of the bench. */
export const handlers = {
  /** Decodes the data of each record, and answers nothing. */
  read: new URL('./handlers/read.js', import.meta.url),
  /** Answers with what it got. */
  pass: new URL('./handlers/pass.js', import.meta.url),
  /** Notes how long each record was on its way. */
  time: new URL('./handlers/time.js', import.meta.url),
} as const

export function moduleOf(handler: keyof typeof handlers): FunctionTarget {
  return { type: 'module', path: fileURLToPath(handlers[handler]), handler: 'handler' }
}

export interface FunctionsDrainSettings {
  readonly url: string
  readonly name: string
  readonly stream: string
  readonly shards: number
  readonly target: { readonly handler: keyof typeof handlers } | { readonly url: string }
  /** What of the mapping differs from the defaults. */
  readonly mapping: Partial<Pick<EventSourceMapping, 'batchSize' | 'filters' | 'to'>>
  /** Records that must be in the stream of `mapping.to` behind it. */
  readonly outputs?: number
}

export interface FunctionsDrainResult {
  readonly seconds: number
}

/** From the creation of the mapping until the checkpoints are at the tails. */
export async function runFunctionsDrain(
  settings: FunctionsDrainSettings,
  control: LoadControl,
): Promise<FunctionsDrainResult> {
  const { url, name, stream, shards, target, mapping, outputs } = settings
  const { createFunction, createMapping, deleteMapping, mappingGroup } = await functionDefinitions()
  await using client = await connect(url)
  const door = doorOf(client)
  await createFunction(door, name, {
    target: 'url' in target ? { type: 'http', url: target.url } : moduleOf(target.handler),
  })
  control.ready()
  const startedAt = monotonicMs()
  const { uuid } = await createMapping(door, { ...mapping, function: name, source: { stream } })
  await untilProcessed(client, mappingGroup(uuid), shards)
  const seconds = (monotonicMs() - startedAt) / 1000
  if (mapping.to !== undefined) {
    const stored = await countRecords(client, mapping.to.stream)
    if (stored !== outputs) throw new Error(`${stored} records were stored, and not ${outputs}.`)
  }
  await deleteMapping(door, uuid)
  return { seconds }
}

async function countRecords(client: Client, stream: string): Promise<number> {
  let records = 0
  for await (const { shardId } of client.listShards(stream)) {
    const { sequenceNumber } = await client.resolvePosition(stream, { shard: shardId, from: 'LATEST' })
    records += sequenceNumber
  }
  return records
}
