// A request for each operation of the table, about the same things: an operation without one does not compile. And what must be
// there for it to succeed.
import type { OperationName, RequestOf } from '../../../protocol/index.ts'
import { limits } from '../../../protocol/limits.ts'
import { allowing, batch, nothing, secretOf, type World } from './world.ts'

/** What the requests are about. */
export interface Things {
  readonly stream: string
  readonly streamId: number
  readonly group: string
  readonly consumer: string
  readonly kind: string
  readonly document: string
  /** A principal that nobody but root may administer, and credentials of it. */
  readonly victim: string
  readonly victimToken: string
  readonly victimKey: string
  /** The member that joins. */
  readonly memberId: string
}

const from = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
const memberOf = ({ group, memberId }: Things) => ({ group, memberId, secret: secretOf(memberId) })
const joining = (things: Things): RequestOf<'joinGroup'> => ({
  ...memberOf(things),
  streams: [{ name: things.stream, from }],
  leaseMs: limits.leaseMsMax,
  life: undefined,
})

export const samples: { readonly [N in OperationName]: (things: Things) => RequestOf<N> } = {
  hello: () => ({ versionMin: 1, versionMax: 1, client: 'sample' }),
  ping: () => ({}),
  authenticate: () => ({
    token: 'mr_0000000000000000_0000000000000000000000000000000000000000000',
    actAs: undefined,
  }),
  createStream: ({ stream: name }) => ({ ...nothing, name }),
  deleteStream: ({ stream: name }) => ({ name, expectedId: undefined }),
  describeStream: ({ stream: name }) => ({ name }),
  listStreams: () => ({ limit: 100, exclusiveStartName: undefined }),
  updateStream: ({ stream: name }) => ({ ...nothing, name }),
  listShards: ({ stream: name }) => ({ name, limit: 100, exclusiveStartIndex: undefined }),
  describeRouting: ({ stream: name }) => ({ name }),
  describeBroker: () => ({}),
  splitShard: ({ stream: name }) => ({ name, shardIndex: 99, newStartingHashKeys: [] }),
  mergeShards: ({ stream: name }) => ({ name, shardIndex: 98, adjacentShardIndex: 99 }),
  updateShardCount: ({ stream: name }) => ({ name, shardCount: 1 }),
  explainScaling: ({ stream: name }) => ({ name }),
  append: ({ streamId }) => ({
    batches: [{ streamId, shardIndex: 0, batch: batch('sample'), producerSecret: undefined }],
  }),
  fetch: ({ streamId }) => ({
    shards: [{ streamId, shardIndex: 0, sequenceNumber: 0, bytesMax: 1_000 }],
    bytesMax: 1_000,
    waitMs: 0,
  }),
  resolvePosition: ({ streamId }) => ({ streamId, shardIndex: 0, position: from }),
  subscribe: ({ streamId }) => ({
    streamId,
    shardIndex: 0,
    position: from,
    creditBytes: 1_000,
    consumer: undefined,
  }),
  unsubscribe: () => ({ subscriptionId: 1_000_000 }),
  joinGroup: joining,
  renewMember: memberOf,
  syncMember: (things) => ({ ...memberOf(things), version: 0, waitMs: 0, reports: [], released: [] }),
  saveCheckpoints: (things) => ({
    ...memberOf(things),
    checkpoints: [{ streamId: things.streamId, shardIndex: 0, epoch: 1, next: 0, isEnd: false }],
  }),
  leaveGroup: memberOf,
  listGroups: () => ({ limit: 100, exclusiveStartName: undefined }),
  describeGroup: ({ group }) => ({ group, limit: 100, after: undefined }),
  resetGroup: ({ group, stream }) => ({ group, stream, to: from, isForced: true }),
  deleteGroup: ({ group }) => ({ group, isForced: true }),
  pauseGroup: ({ group }) => ({ group, isPaused: false }),
  loadProgress: ({ group, stream }) => ({ group, stream }),
  saveProgress: ({ group, stream, streamId }) => ({
    group,
    stream,
    isPartial: true,
    progress: { streamId, shardsBelow: 0, shards: [], from: undefined },
  }),
  registerConsumer: ({ stream, consumer }) => ({ stream, consumer }),
  describeConsumer: ({ stream, consumer }) => ({
    stream,
    consumer,
    limit: 100,
    exclusiveStartIndex: undefined,
  }),
  listConsumers: ({ stream }) => ({ stream, limit: 100, exclusiveStartName: undefined }),
  deregisterConsumer: ({ stream, consumer }) => ({ stream, consumer }),
  getDocument: ({ kind, document: name }) => ({ kind, name }),
  putDocument: ({ kind, document: name }) => ({
    kind,
    name,
    content: Buffer.from('sample'),
    expectedVersion: undefined,
  }),
  deleteDocument: ({ kind, document: name }) => ({ kind, name, expectedVersion: undefined }),
  listDocuments: ({ kind }) => ({ kind, prefix: undefined, limit: 100, exclusiveStartName: undefined }),
  watchDocuments: ({ kind }) => ({ kind, prefix: undefined, after: 0, maxWaitMs: 0 }),
  createToken: () => ({ principal: 'made', description: '', expiresAt: undefined, grants: [] }),
  listTokens: () => ({ limit: 100, exclusiveStartId: undefined, principal: undefined }),
  revokeToken: ({ victimToken: id }) => ({ id }),
  createAccessKey: ({ victim: principal }) => ({ principal, description: '', expiresAt: undefined }),
  listAccessKeys: () => ({ limit: 100, exclusiveStartId: undefined, principal: undefined }),
  revokeAccessKey: ({ victimKey: id }) => ({ id }),
  listPrincipals: () => ({ limit: 100, exclusiveStartName: undefined }),
  describePrincipal: ({ victim: name }) => ({ name }),
  updatePrincipal: ({ victim: name }) => ({ name, add: [], remove: [], certificateNames: undefined }),
  deletePrincipal: ({ victim: name }) => ({ name }),
  signingKey: ({ victimKey: id }) => ({ id, date: '20260101', region: 'eu', service: 'kinesis' }),
}

/** Operations that a member sends: the one who asks joins first, if he may. */
export const byMembers: readonly OperationName[] = [
  'renewMember',
  'syncMember',
  'saveCheckpoints',
  'leaveGroup',
]

/** Makes what the requests are about, where it is not there; its consumer belongs to nobody in particular. */
export async function prepare(world: World, memberId: string): Promise<Things> {
  const { root } = world
  const things = {
    stream: 'orders',
    group: 'billing',
    consumer: 'dash',
    kind: 'plans',
    document: 'daily',
    victim: 'victim',
  }
  const { stream, group, consumer, kind, document: name, victim } = things
  await world.ensureStream(stream)
  const streamId = await world.streamId(stream)
  await world.append(streamId, batch('stored'))
  const opener = { ...things, streamId, victimToken: '', victimKey: '', memberId: 'opener' }
  // A member makes the group, and leaves it to others.
  await allowing(['groupNotFound'], root.request('deleteGroup', { group, isForced: true }))
  await root.request('joinGroup', joining(opener))
  await root.request('leaveGroup', memberOf(opener))
  await allowing(['consumerExists'], root.request('registerConsumer', { stream, consumer }))
  await root.request('putDocument', { kind, name, content: Buffer.from('x'), expectedVersion: undefined })
  await allowing(['principalNotFound'], root.request('deletePrincipal', { name: victim }))
  await allowing(['principalNotFound'], root.request('deletePrincipal', { name: 'made' }))
  const { id: victimToken } = await world.token(victim, ['views:read'])
  const { id: victimKey } = await root.request('createAccessKey', {
    principal: victim,
    description: '',
    expiresAt: undefined,
  })
  return { ...things, streamId, victimToken, victimKey, memberId }
}
