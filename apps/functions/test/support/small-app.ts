// A broker in this process with mappings on it, whose functions are plain JavaScript: what the app does, without threads and ports.
import { randomUUID } from 'node:crypto'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { kinesisEvent, type KinesisEvent } from '../../src/events/kinesis-event.ts'
import { createFunction, createMapping, type MappingInput } from '../../src/definitions/index.ts'
import type { InvocationResult, Invoker } from '../../src/invocation.ts'
import { Mappings } from '../../src/mapping/mappings.ts'

/** A function of a test. What it throws fails the call. */
export type TestFunction = (event: KinesisEvent) => unknown

export interface SmallApp extends AsyncDisposable {
  readonly broker: Broker
  readonly client: Client
  /** By name; a function that is not there throttles. */
  readonly functions: Map<string, TestFunction>
  readonly warnings: string[]
  readonly posted: { readonly url: string; readonly body: unknown }[]
  /** The status that HTTP destinations answer with. */
  postStatus: number
  /** How far the app's clock is ahead. */
  aheadMs: number
  /** Begins a copy of the app; several may run. When the signal fires, it loses the broker at once, as by its death. */
  start(death?: AbortSignal): Promise<Mappings>
  /** Makes a function and a mapping of it. */
  create(name: string, run: TestFunction, input: Omit<MappingInput, 'function'>): Promise<string>
}

export async function smallApp(): Promise<SmallApp> {
  const broker = await createBroker({ listen: false, config: { segmentSize: '1MiB' } })
  const client = await connect(broker.url, { dial: broker.dial })
  const functions = new Map<string, TestFunction>()
  const running: Mappings[] = []
  const app: SmallApp = {
    broker,
    client,
    functions,
    warnings: [],
    posted: [],
    postStatus: 200,
    aheadMs: 0,
    start: async (death) => {
      const own = await connect(broker.url, { dial: broker.dial, ...(death && { signal: death }) })
      const mappings = await Mappings.open({
        client: own,
        invoker: invokerOf(functions),
        openWriter: (stream) => own.preparedWriter(stream),
        post: (url, body) => {
          app.posted.push({ url, body: JSON.parse(body) as unknown })
          return Promise.resolve(app.postStatus)
        },
        functionArn: (name) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
        now: () => Date.now() + app.aheadMs,
        random: Math.random,
        uuid: randomUUID,
        warn: (message, error) => app.warnings.push(`${message} ${String(error)}`),
      })
      running.push(mappings)
      return mappings
    },
    create: async (name, run, input) => {
      functions.set(name, run)
      const door = { client, now: Date.now, uuid: randomUUID }
      await createFunction(door, name, {
        target: { type: 'module', path: '/srv/test.mjs', handler: 'handler' },
      })
      return (await createMapping(door, { ...input, function: name })).uuid
    },
    [Symbol.asyncDispose]: async () => {
      for (const mappings of running) await mappings.close()
      await client.close()
      await broker.close()
    },
  }
  return app
}

function invokerOf(functions: ReadonlyMap<string, TestFunction>): Invoker {
  return {
    invoke: async (name, event): Promise<InvocationResult> => {
      const base = { requestId: randomUUID(), durationMs: 1 }
      const run = functions.get(name)
      if (run === undefined || event.kind !== 'kinesis') {
        return {
          ok: false,
          error: { errorType: 'NoFunction', errorMessage: name, isThrottle: true },
          ...base,
        }
      }
      try {
        const payload: unknown = await run(kinesisEvent(event.batch))
        return { ok: true, payload: payload === undefined ? null : payload, ...base }
      } catch (error) {
        const { name: errorType, message: errorMessage } = error as Error
        return { ok: false, error: { errorType, errorMessage }, ...base }
      }
    },
  }
}

/** The data of a record of an event, as text. */
export function dataOf({ kinesis }: KinesisEvent['Records'][number]): string {
  return Buffer.from(kinesis.data, 'base64').toString()
}

/** All data of a stream, as texts by key, in order. */
export async function storedIn(client: Client, stream: string): Promise<Map<string, string[]>> {
  const stored = new Map<string, string[]>()
  for await (const { partitionKey, data } of client.read(stream)) {
    const texts = stored.get(partitionKey) ?? []
    stored.set(partitionKey, texts)
    texts.push(Buffer.from(data).toString())
  }
  return stored
}

/** Puts numbers as records, over some keys in turn. */
export async function putNumbers(
  app: SmallApp,
  stream: string,
  from: number,
  count: number,
  keys = 4,
): Promise<void> {
  await app.client.putMany(
    stream,
    Array.from({ length: count }, (_, i) => ({
      partitionKey: `key ${(from + i) % keys}`,
      data: `${from + i}`,
    })),
  )
}

/** All numbers that are stored, in their order as numbers. */
export function numbersOf(stored: ReadonlyMap<string, readonly string[]>): number[] {
  return [...stored.values()]
    .flat()
    .map(Number)
    .toSorted((a, b) => a - b)
}
