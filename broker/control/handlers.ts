// The handlers of the control plane, each a few lines over registry, catalog and fleet. Runs in the controller.
import type { OperationOn, RequestOf, ResponseOf } from '../../protocol/operations.ts'
import type { Identity } from '../access/identity.ts'
import { shownEntries } from '../access/shown.ts'
import type { Handlers } from '../server/dispatch.ts'
import { noteBefore } from '../telemetry/audit/changes.ts'
import type { Time } from '../time.ts'
import type { AccessDesk } from './access/access-desk.ts'
import type { CapacityWatch } from './capacity/capacity-watch.ts'
import { shardsOf, streamNamed, type CatalogState } from './catalog-state.ts'
import type { Catalog } from './catalog.ts'
import { consumerHandlers } from './consumers/consumer-handlers.ts'
import type { Consumers } from './consumers/consumers.ts'
import type { Documents } from './documents/documents.ts'
import { describeHosts, describeShard, describeStream, liveExtents } from './descriptions.ts'
import { groupHandlers } from './groups/group-handlers.ts'
import type { Groups } from './groups/groups.ts'
import type { HostFleet } from './hosts/fleet.ts'
import type { Resharding } from './resharding/resharding.ts'
import { checkPage, pageOf } from './pages.ts'
import { RoutingAnswers, type AddressOf } from './routing.ts'
import { activeStream, knownStream } from './streams/stream-changes.ts'
import type { StreamRegistry } from './streams/stream-registry.ts'
import type { StreamUpdates } from './streams/stream-updates.ts'

export interface HandlerOptions {
  readonly catalog: Catalog
  readonly registry: StreamRegistry
  readonly updates: StreamUpdates
  readonly resharding: Resharding
  readonly fleet: HostFleet
  readonly scaling: CapacityWatch
  readonly documents: Documents
  readonly groups: Groups
  readonly consumers: Consumers
  readonly access: AccessDesk
  readonly software: string
  readonly startedAt: number
  /** Says where clients reach a host; undefined while the host's port is not known. */
  readonly addressOf: AddressOf
  /** Reads the free bytes of the data directory's file system. */
  readonly freeBytes: () => Promise<number>
  readonly time: Time
}

/** Makes the handlers of the whole control plane. */
export function controlHandlers(options: HandlerOptions): Handlers<OperationOn<'control'>> {
  const { catalog, registry, updates, resharding, fleet, scaling, documents, time } = options
  const routings = new RoutingAnswers(options)
  /** Notes these fields of a stream for the audit line of the request, as they are before it. */
  const noteStream = (request: object, name: string, fields: readonly string[]): void => {
    const stream = streamNamed(catalog.state, name)
    if (stream === undefined) return
    const described = Object.entries(describeStream(catalog.state, stream))
    noteBefore(request, Object.fromEntries(described.filter(([field]) => fields.includes(field))))
  }
  return {
    createStream: async (request, { fail, session }) => {
      const stream = await registry.create(request, session.identity.principal, fail)
      return { stream: describeStream(catalog.state, stream) }
    },
    deleteStream: async (request, { fail }) => {
      noteStream(request, request.name, ['openShardCount', 'retentionMs'])
      await registry.delete(request, fail)
      return {}
    },
    updateStream: async (request, { fail }) => {
      noteStream(request, request.name, givenIn(request))
      const stream = await updates.update(request, fail)
      return { stream: describeStream(catalog.state, stream) }
    },
    describeStream: ({ name }, { fail }) => ({
      stream: describeStream(catalog.state, knownStream(catalog.state, name, fail)),
    }),
    listStreams: (request, { session }) => listStreams(catalog.state, request, session.identity),
    listShards: async ({ name, limit, exclusiveStartIndex }, { fail }) => {
      checkPage(limit)
      const { state } = catalog
      const stream = knownStream(state, name, fail)
      const { page, hasMore } = pageOf(shardsOf(state, stream.id).values(exclusiveStartIndex), limit)
      const { extents } = await liveExtents(fleet, page, time)
      const described = page.map((shard) =>
        describeShard(shard, extents.get(shard.index), scaling.loadOf(shard)),
      )
      return { shards: described, hasMore }
    },
    describeRouting: async ({ name }, { fail }) => {
      // A client that a shard refused because of a split or merge under way gets the children, not the old routing again.
      await resharding.whenPublished(activeStream(catalog.state, name, fail).id)
      return routings.of(catalog.state, activeStream(catalog.state, name, fail))
    },
    splitShard: ({ name, shardIndex, newStartingHashKeys }, { fail }) =>
      resharding.split(name, { shardIndex, newStartingHashKeys }, fail),
    mergeShards: async ({ name, shardIndex, adjacentShardIndex }, { fail }) => {
      const { children, epoch } = await resharding.merge(name, [shardIndex, adjacentShardIndex], fail)
      return { child: children[0]!, epoch }
    },
    updateShardCount: async (request, { fail }) => {
      const { name, shardCount } = request
      noteStream(request, name, ['openShardCount'])
      const stream = await resharding.scaleTo(name, shardCount, fail)
      return { stream: describeStream(catalog.state, stream) }
    },
    describeBroker: async () => {
      const { software, startedAt } = options
      const freeBytes = await options.freeBytes()
      const { brokerId } = catalog.broker
      return { brokerId, software, startedAt, freeBytes, ...describeHosts(catalog.state, fleet) }
    },
    explainScaling: ({ name }, { fail }) => scaling.explain(knownStream(catalog.state, name, fail)),
    getDocument: (request, { fail }) => documents.get(request, fail),
    putDocument: (request, { fail }) => documents.put(request, fail),
    deleteDocument: (request, { fail }) => documents.delete(request, fail),
    listDocuments: (request, { session }) => documents.list(request, session.identity),
    watchDocuments: (request, context) => documents.watch(request, context),
    ...consumerHandlers(options),
    ...options.access.handlers,
    ...groupHandlers({ ...options, whenPublished: (streamId) => resharding.whenPublished(streamId) }),
  }
}

/** The fields that a request gives, its name aside. */
function givenIn({ name: _, ...fields }: RequestOf<'updateStream'>): readonly string[] {
  return Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [field]))
}

/** Lists the streams that the identity may see. */
function listStreams(
  state: CatalogState,
  { limit, exclusiveStartName }: RequestOf<'listStreams'>,
  identity: Identity,
): ResponseOf<'listStreams'> {
  checkPage(limit)
  const shown = shownEntries(state.streamIdByName, identity.shown('stream'), exclusiveStartName)
  const { page, hasMore } = pageOf(shown, limit)
  const streams = page.flatMap(([, id]) => state.streams.get(id) ?? [])
  return { streams: streams.map((stream) => describeStream(state, stream)), hasMore }
}
