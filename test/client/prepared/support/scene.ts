// A prepared writer and a fake broker, and appends that are cut off. Runs in the test's process, in driven time.
import { createSecretKey } from 'node:crypto'
import { expect } from 'vitest'
import {
  connect,
  type AppendPlan,
  type Client,
  type ConnectOptions,
  type LogEntry,
  type PreparedWriter,
  type PreparedWriterOptions,
  type RecordInput,
} from '../../../../client/index.ts'
import { isEncryptedAt, openBatch, openWithoutKeys } from '../../../../protocol/index.ts'
import { outcomeOf } from '../../../support/rejection.ts'
import { driven } from '../../support/drive.ts'
import { FakeBroker } from '../../support/fake-broker.ts'

export const MINUTE_MS = 60_000
export const secret = createSecretKey(Buffer.alloc(32, 1))

export function open(batch: Uint8Array): Uint8Array {
  return isEncryptedAt(batch, 0) ? openBatch(batch, secret, 'clicks') : openWithoutKeys(batch)
}

export interface Scene {
  readonly broker: FakeBroker
  readonly client: Client
  readonly writer: PreparedWriter
  readonly logs: LogEntry[]
  /** Makes another client with a writer, as a program does that begins again. */
  again(): Promise<PreparedWriter>
}

export interface SceneOptions extends PreparedWriterOptions {
  readonly shards?: number
  readonly connect?: ConnectOptions
}

export async function withWriter(options: SceneOptions, use: (scene: Scene) => Promise<void>): Promise<void> {
  const { shards = 1, connect: more = {}, ...writerOptions } = options
  const broker = new FakeBroker({ shards })
  broker.usesClock = true
  const logs: LogEntry[] = []
  const clients: Client[] = []
  const begin = async () => {
    const client = await driven(
      connect('millrace://fake', {
        dial: broker.dial,
        requestTimeoutMs: 50,
        retry: { backoffMinMs: 1, backoffMaxMs: 20 },
        log: (entry) => logs.push(entry),
        ...more,
      }),
    )
    clients.push(client)
    return { client, writer: await driven(client.preparedWriter('clicks', writerOptions)) }
  }
  const { client, writer } = await begin()
  await use({ broker, client, writer, logs, again: async () => (await begin()).writer })
  for (const each of clients) await driven(each.close())
}

export const recordsOf = (name: string, count: number): RecordInput[] =>
  Array.from({ length: count }, (_, i) => ({ partitionKey: 'ada', data: `${name}${i}` }))

export const valuesOf = (records: readonly RecordInput[]) => records.map(({ data }) => data)

export function stored(broker: FakeBroker): string[] {
  return broker.shards.flatMap(({ index }) =>
    broker.recordsOf(index, open).map(({ data }) => new TextDecoder().decode(data)),
  )
}

/** For calls whose plans do not matter. */
export const unkept = { keep: () => Promise.resolve() }

/** Keeps plans as JSON, the last one behind. */
export function keeping(plans: AppendPlan[] = []) {
  const keep = (plan: AppendPlan): Promise<void> => {
    plans.push(JSON.parse(JSON.stringify(plan)) as AppendPlan)
    return Promise.resolve()
  }
  return { plans, keep }
}

/** Begins an append of which nothing is answered, and gives its plan. */
export async function cutOff(
  scene: Scene,
  records: readonly RecordInput[],
  how: 'lostBefore' | 'lostAfter',
): Promise<AppendPlan> {
  const { plans, keep } = keeping()
  const stop = new AbortController()
  scene.broker.disturb = ({ operation }) => {
    if (operation !== 'append') return 'none'
    stop.abort()
    return how
  }
  expect(await outcomeOf(driven(scene.writer.append(records, { keep, signal: stop.signal })))).toBe('aborted')
  scene.broker.disturb = () => 'none'
  return plans.at(-1)!
}
