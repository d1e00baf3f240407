// Deliveries and functions as targets of SQL: `INSERT INTO delivery.NAME` writes to the delivery's own stream, `INSERT INTO function.NAME` to the
// one that calls the function. Runs wherever there is a client.
import type { Client } from 'millrace'
import {
  deliveryKinds,
  functionKinds,
  type DeliveryDefinition,
  type EventSourceMapping,
  type FunctionDefinition,
} from 'millrace/protocol'
import { PlanFault, positionIn } from '../plan/plan-fault.ts'
import type { QueryPlan } from '../plan/query-plan.ts'

/** What a target of SQL is, and the stream that it stands for. */
export interface AppTarget {
  readonly kind: 'delivery' | 'function'
  readonly name: string
  readonly stream: string
}

/** Finds the streams of deliveries and functions that a plan writes to, by their targets. Rejects with `PlanFault` where there is no one stream. */
export async function appTargets(
  client: Client,
  text: string,
  { statements }: QueryPlan,
): Promise<ReadonlyMap<string, AppTarget>> {
  const found = new Map<string, AppTarget>()
  for (const { target, place } of statements) {
    const [, kind, name] = /^(delivery|function):(.+)$/.exec(target ?? '') ?? []
    if (kind === undefined || name === undefined) continue
    const stream = await (kind === 'delivery'
      ? streamOfDelivery(client, name)
      : streamOfFunction(client, name))
    if (typeof stream === 'object') throw new PlanFault(text, positionIn(text, place), stream.refused)
    found.set(target!, { kind: kind as AppTarget['kind'], name, stream })
  }
  return found
}

/** Streams of deliveries and functions, as a definition has them. */
export function outputsOf(targets: ReadonlyMap<string, AppTarget>): Readonly<Record<string, string>> {
  return Object.fromEntries([...targets].map(([target, { stream }]) => [target, stream]))
}

type Found = string | { readonly refused: string }

async function streamOfDelivery(client: Client, name: string): Promise<Found> {
  const documents = client.documents<DeliveryDefinition>(deliveryKinds.definitions)
  const delivery = (await documents.get(name))?.value
  if (delivery === undefined || delivery.state === 'deleting' || delivery.state === 'making')
    return {
      refused: `There is no delivery ${name}: make it first, with a stream of its own (millrace delivery create ${name} --to …).`,
    }
  const { isOwn, stream } = delivery.source
  if (isOwn) return stream
  return {
    refused: `The delivery ${name} has no stream of its own: it reads ${stream}. Write INSERT INTO "${stream}".`,
  }
}

async function streamOfFunction(client: Client, name: string): Promise<Found> {
  const streams = new Set<string>()
  for await (const { value } of client.documents<EventSourceMapping>(functionKinds.mappings).list()) {
    const { function: called, state, version, source } = value
    if (called === name && state !== 'deleting' && version > 0) streams.add(source.stream)
  }
  const [stream, ...others] = streams
  if (stream !== undefined && others.length === 0) return stream
  if (stream !== undefined)
    return {
      refused: `The function ${name} is called with the records of ${[...streams].join(' and ')}: write INSERT INTO one of them.`,
    }
  const made = await client.documents<FunctionDefinition>(functionKinds.functions).get(name)
  return {
    refused:
      made === undefined
        ? `There is no function ${name}: make it first, with a stream that it reads (millrace function create ${name} --stream …).`
        : `The function ${name} reads no stream: make one that is called with the records of a stream (millrace function create … --stream …).`,
  }
}
