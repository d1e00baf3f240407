// Plans the changes of rows for requests on registered consumers, and says what hosts are told of them. Runs in the controller;
// pure: takes a state and a request, returns a plan, or throws the error that the client gets.
import { limits } from '../../../protocol/limits.ts'
import type { ErrorOf } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { checkConsumerName } from '../../../protocol/text/consumer-name.ts'
import { anothersConsumer, isOwnConsumer } from '../../access/consumer-owner.ts'
import type { Identity } from '../../access/identity.ts'
import type { StreamConsumers } from '../../host-contract.ts'
import { consumersOf, type CatalogState, type RegisteredConsumer, type Stream } from '../catalog-state.ts'
import type { CatalogPlan } from '../catalog.ts'
import { activeStream } from '../streams/stream-changes.ts'

interface Named {
  readonly stream: string
  readonly consumer: string
}

/** Registers a consumer of a stream. */
export function planRegister(
  state: CatalogState,
  { stream: streamName, consumer: name }: Named,
  { now, principal }: { readonly now: number; readonly principal: string | undefined },
  fail: Fail<ErrorOf<'registerConsumer'>>,
): CatalogPlan<RegisteredConsumer> {
  const problem = checkConsumerName(name)
  if (problem !== undefined) throw refusal('invalidArgument', problem)
  const stream = activeStream(state, streamName, fail)
  const { id: streamId } = stream
  const consumers = consumersOf(state, streamId)
  if (consumerNamed(state, streamId, name) !== undefined) {
    fail('consumerExists', `Stream ${streamName} has a consumer called ${name} already.`)
  }
  const { consumersPerStreamMax, consumersMax } = limits
  if (consumers.size >= consumersPerStreamMax) {
    fail(
      'limitExceeded',
      `Stream ${streamName} has ${consumersPerStreamMax} consumers, the most there may be.`,
    )
  }
  if (state.consumerCount >= consumersMax) {
    fail('limitExceeded', `The limit of ${consumersMax} consumers of all streams is reached.`)
  }
  const id = (consumers.lastKey() ?? -1) + 1
  const value = { name, createdAt: now, ...(principal !== undefined && { principal }) }
  return {
    changes: [{ put: { family: 'consumer', key: { streamId, consumerId: id }, value } }],
    result: { streamId, id, ...value },
  }
}

/** Removes a consumer. That of another principal needs to manage the stream. */
export function planDeregister(
  state: CatalogState,
  {
    stream,
    consumer,
    identity,
  }: { readonly stream: Stream; readonly consumer: string; readonly identity: Identity },
  fail: Fail<'consumerNotFound' | 'permissionDenied'>,
): CatalogPlan<void> {
  const { id: consumerId, principal } = knownConsumer(state, { stream, consumer }, fail)
  if (!isOwnConsumer(principal, identity) && !identity.may('manage', 'stream', stream.name)) {
    const { code, message } = anothersConsumer(identity, stream.name, consumer)
    fail(code, message)
  }
  const { id: streamId } = stream
  return { changes: [{ remove: { family: 'consumer', key: { streamId, consumerId } } }], result: undefined }
}

/** Returns the consumer of that name. */
export function knownConsumer(
  state: CatalogState,
  { stream, consumer: name }: { readonly stream: Stream; readonly consumer: string },
  fail: Fail<'consumerNotFound'>,
): RegisteredConsumer {
  const found = consumerNamed(state, stream.id, name)
  return found ?? fail('consumerNotFound', `Stream ${stream.name} has no consumer called ${name}.`)
}

function consumerNamed(state: CatalogState, streamId: number, name: string): RegisteredConsumer | undefined {
  for (const consumer of consumersOf(state, streamId).values()) if (consumer.name === name) return consumer
  return undefined
}

/** Returns the consumers of a stream, in the order of their names, those after `name` alone if it is given. */
export function consumersByName(state: CatalogState, streamId: number, name = ''): RegisteredConsumer[] {
  return [...consumersOf(state, streamId).values()]
    .filter((consumer) => consumer.name > name)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Returns what hosts are told of the consumers of a stream. */
export function servedConsumers(state: CatalogState, streamId: number): StreamConsumers {
  const consumers = Array.from(
    consumersOf(state, streamId).values(),
    ({ id, name, createdAt, principal = null }) => ({
      id,
      name,
      createdAt,
      principal,
    }),
  )
  return { streamId, consumers }
}

/** Returns what a host that starts is told of the consumers of all streams. */
export function allServedConsumers(state: CatalogState): readonly StreamConsumers[] {
  return Array.from(state.consumers.keys(), (streamId) => servedConsumers(state, streamId))
}
