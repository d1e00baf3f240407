// The handlers of the operations on consumer groups: they check what was asked, ask hosts where the answer needs it, and
// tell the group. Runs in the controller.
import { createHash } from 'node:crypto'
import { limits } from '../../../protocol/limits.ts'
import type { ErrorOf, Position, RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import type { groupOperations } from '../../../protocol/operations/groups.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import { checkGroupName, checkMemberId } from '../../../protocol/text/group-name.ts'
import { noGroup, noMember as noMemberText } from '../../access/absence.ts'
import type { Identity } from '../../access/identity.ts'
import { shownEntries, sortedNames } from '../../access/shown.ts'
import type { Context, Handlers } from '../../server/dispatch.ts'
import type { Session } from '../../server/session.ts'
import { shardsOf } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import { checkPage } from '../pages.ts'
import { activeStream, knownStream } from '../streams/stream-changes.ts'
import type { Time } from '../../time.ts'
import { wireLeases, wireResult, wireStreams } from './answers.ts'
import { describeGroup, describeMembers, describeShards, type SeesStream } from './describe.ts'
import type { Groups } from './groups.ts'
import { HostQuestions } from './host-questions.ts'
import { MESSAGE_ROWS_MAX } from './machine/advance.ts'
import { claimed } from './machine/membership.ts'
import type { CheckpointMessage, MemberClaim, GroupAnswer, Pins } from './machine/messages.ts'
import type { GroupState, Member, StartPosition } from './machine/state.ts'

export type GroupOperation = keyof typeof groupOperations

export interface GroupHandlerOptions {
  readonly groups: Groups
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
  /** If shards of the stream are being sealed, waits until their children are published. */
  readonly whenPublished: (streamId: number) => Promise<void>
}

type AnyFail = (code: never, message: string, details?: { retryAfterMs?: number }) => never

export function groupHandlers(options: GroupHandlerOptions): Handlers<GroupOperation> {
  const handlers = new GroupHandlers(options)
  return {
    joinGroup: (request, context) => handlers.join(request, context),
    renewMember: (request, context) => handlers.renew(request, context),
    syncMember: (request, context) => handlers.sync(request, context),
    saveCheckpoints: (request, context) => handlers.saveCheckpoints(request, context),
    leaveGroup: (request, context) => handlers.leave(request, context),
    listGroups: (request, { session }) => handlers.list(request, session.identity),
    describeGroup: (request, context) => handlers.describe(request, context),
    resetGroup: (request, { fail }) => handlers.reset(request, fail),
    deleteGroup: async ({ group, isForced }, { fail }) => {
      await handlers.toGroup(group, { type: 'delete', isForced }, fail)
      return {}
    },
    pauseGroup: async ({ group, isPaused }, { fail }) => {
      await handlers.toGroup(group, { type: 'pause', isPaused }, fail)
      return {}
    },
    loadProgress: (request, { fail }) => handlers.loadProgress(request, fail),
    saveProgress: (request, context) => handlers.saveProgress(request, context),
  }
}

class GroupHandlers {
  readonly #options: GroupHandlerOptions
  readonly #hosts: HostQuestions

  constructor(options: GroupHandlerOptions) {
    this.#options = options
    this.#hosts = new HostQuestions(options)
  }

  async join(
    request: RequestOf<'joinGroup'>,
    { fail, session }: Context<'joinGroup'>,
  ): Promise<ResponseOf<'joinGroup'>> {
    const { groups, catalog } = this.#options
    const claim = claimOf(request, session)
    const { group, streams } = request
    if (streams.length === 0) throw refusal('invalidArgument', 'A member reads one stream at least.')
    if (new Set(streams.map(({ name }) => name)).size < streams.length) {
      throw refusal('invalidArgument', 'A member names each stream once.')
    }
    const wanted = streams.map(({ name, from }) => ({ name, from: startOf(from) }))
    const state = await groups.stateOf(group)
    const pins = new Map<string, Pins>()
    for (const { name, from } of wanted) {
      const isKnown = state?.gone.has(name) === true || state?.streams.has(name) === true
      if (isKnown && groups.factsOf(name) === undefined) continue
      const { id } = activeStream(catalog.state, name, fail)
      const isRead = state?.streams.get(name)?.streamId === id
      if (from.type === 'LATEST' && !isRead) pins.set(name, await this.#hosts.pinsOf(catalog.state, id))
    }
    const leaseMs = Math.min(Math.max(request.leaseMs, limits.leaseMsMin), limits.leaseMsMax)
    const address = session.remote
    const { life: before } = request
    const by = session.identity.principal
    const place = { by, address, life: before }
    const told = { type: 'join', ...place, ...claim, streams: wanted, leaseMs, pins } as const
    const answer = orFail(await groups.tell(group, told), fail)
    return { leaseMs, life: answer.is === 'joined' ? answer.life : undefined }
  }

  async renew(request: RequestOf<'renewMember'>, { fail, session }: Context<'renewMember'>): Promise<object> {
    await this.#toMember(request.group, { type: 'renew', ...claimOf(request, session) }, fail)
    return {}
  }

  async sync(
    request: RequestOf<'syncMember'>,
    { fail, session, signal }: Context<'syncMember'>,
  ): Promise<ResponseOf<'syncMember'>> {
    const { groups } = this.#options
    const { group, version, waitMs, reports, released } = request
    const claim = claimOf(request, session)
    const address = session.remote
    const message = { type: 'sync', ...claim, address, reports, released } as const
    await this.#toMember(group, message, fail)
    // From this look to the beginning of the wait nothing else may happen: a change in between would wake nobody.
    const before = this.#ownMember(group, claim, fail).member
    if (!mayGoOn(before, group, session.identity)) return this.#expel(group, claim, fail)
    if (before.version === version) {
      const { memberId } = claim
      const forget = session.onIdentity(() => groups.waiting.wake(group, new Set([memberId])))
      await groups.waiting.change({ group, memberId }, waitMs, signal).finally(forget)
    }
    const { state, member } = this.#ownMember(group, claim, fail)
    if (!mayGoOn(member, group, session.identity)) return this.#expel(group, claim, fail)
    const isSame = member.version === version
    return {
      version: member.version,
      isPaused: state.isPaused,
      leases: isSame ? [] : wireLeases(state, member),
      streams: isSame ? [] : wireStreams(state, member),
    }
  }

  async saveCheckpoints(
    request: RequestOf<'saveCheckpoints'>,
    { fail, session }: Context<'saveCheckpoints'>,
  ): Promise<ResponseOf<'saveCheckpoints'>> {
    const claim = claimOf(request, session)
    const { group, checkpoints } = request
    const named = new Set(checkpoints.map(({ streamId, shardIndex }) => `${streamId}/${shardIndex}`))
    if (named.size < checkpoints.length) {
      throw refusal('invalidArgument', 'A request has one checkpoint of a shard at most.')
    }
    const asked = await Promise.all(
      checkpoints.map((checkpoint) => this.#withTail(checkpoint, session.identity)),
    )
    const parts: Promise<GroupAnswer>[] = []
    for (let from = 0; from < asked.length; from += MESSAGE_ROWS_MAX) {
      const part = asked.slice(from, from + MESSAGE_ROWS_MAX)
      parts.push(this.#toMember(group, { type: 'saveCheckpoints', ...claim, checkpoints: part }, fail))
    }
    if (parts.length === 0) await this.#toMember(group, { type: 'renew', ...claim }, fail)
    const answers = await Promise.all(parts)
    return {
      results: answers.flatMap((answer) =>
        answer.is === 'checkpoints' ? answer.results.map(wireResult) : [],
      ),
    }
  }

  async leave(request: RequestOf<'leaveGroup'>, { session }: Context<'leaveGroup'>): Promise<object> {
    const claim = claimOf(request, session)
    const { groups } = this.#options
    if (groups.has(request.group)) orThrow(await groups.tell(request.group, { type: 'leave', ...claim }))
    return {}
  }

  async list(
    { limit, exclusiveStartName }: RequestOf<'listGroups'>,
    identity: Identity,
  ): Promise<ResponseOf<'listGroups'>> {
    checkPage(limit)
    const { groups } = this.#options
    const names = shownEntries(sortedNames(groups.names), identity.shown('group'), exclusiveStartName)
    const sees = seesStreams(identity)
    const found: ResponseOf<'listGroups'>['groups'][number][] = []
    for (const [name] of names) {
      if (found.length === limit) return { groups: found, hasMore: true }
      const state = await groups.stateOf(name)
      if (state !== undefined) found.push(describeGroup(state, sees))
    }
    return { groups: found, hasMore: false }
  }

  async describe(
    request: RequestOf<'describeGroup'>,
    { fail, session }: Context<'describeGroup'>,
  ): Promise<ResponseOf<'describeGroup'>> {
    checkPage(request.limit)
    const { groups, catalog } = this.#options
    const state = await this.#knownGroup(request.group, fail)
    const moment = groups.moment()
    const sees = seesStreams(session.identity)
    const parts = { catalog: catalog.state, hosts: this.#hosts, moment, sees }
    const page = await describeShards(state, request, parts)
    return { group: describeGroup(state, sees), members: describeMembers(state, moment, sees), ...page }
  }

  async reset(
    { group, stream, to, isForced }: RequestOf<'resetGroup'>,
    fail: Fail<ErrorOf<'resetGroup'>>,
  ): Promise<ResponseOf<'resetGroup'>> {
    const { catalog } = this.#options
    await this.#knownGroup(group, fail)
    const position = startOf(to)
    const { id } = activeStream(catalog.state, stream, fail)
    const pins = position.type === 'LATEST' ? await this.#hosts.pinsOf(catalog.state, id) : undefined
    const answer = await this.toGroup(group, { type: 'reset', stream, to: position, pins, isForced }, fail)
    if (answer.is !== 'progress' || answer.progress === undefined)
      throw new Error('a reset answers with the progress')
    return { progress: answer.progress }
  }

  async loadProgress(
    { group, stream }: RequestOf<'loadProgress'>,
    fail: Fail<'streamNotFound'>,
  ): Promise<ResponseOf<'loadProgress'>> {
    checkGroup(group)
    const { groups, catalog } = this.#options
    knownStream(catalog.state, stream, fail)
    if (!groups.has(group)) return { progress: undefined }
    const answer = await groups.tell(group, { type: 'loadProgress', stream })
    return { progress: answer.is === 'progress' ? answer.progress : undefined }
  }

  async saveProgress(
    { group, stream, isPartial, progress }: RequestOf<'saveProgress'>,
    { fail, session }: Context<'saveProgress'>,
  ): Promise<object> {
    checkGroup(group)
    const { groups, catalog } = this.#options
    const { id } = knownStream(catalog.state, stream, fail)
    const { from } = progress
    if (from !== undefined && startOf(from).type === 'LATEST') {
      throw refusal(
        'invalidArgument',
        'Progress has LATEST as numbers: it begins at TRIM_HORIZON or AT_TIMESTAMP.',
      )
    }
    const open = progress.shards.flatMap(({ shardIndex, next }) => {
      const shard = shardsOf(catalog.state, id).get(shardIndex)
      return shard?.state === 'OPEN' && next !== undefined ? [{ shard, next }] : []
    })
    const tails = new Map<number, number>()
    await Promise.all(
      open.map(async ({ shard, next }) => {
        const tail = await this.#hosts.tailOf(shard, next)
        if (tail !== undefined) tails.set(shard.index, tail)
      }),
    )
    const by = session.identity.principal
    orFail(await groups.tell(group, { type: 'saveProgress', by, stream, isPartial, progress, tails }), fail)
    return {}
  }

  /** Hands a message to a group that must exist. */
  async toGroup(
    group: string,
    message: Parameters<Groups['tell']>[1],
    fail: Fail<'groupNotFound'>,
  ): Promise<GroupAnswer> {
    await this.#knownGroup(group, fail)
    return orFail(await this.#options.groups.tell(group, message), fail)
  }

  async #toMember(
    group: string,
    message: Parameters<Groups['tell']>[1] & MemberClaim,
    fail: Fail<'memberNotFound'>,
  ): Promise<GroupAnswer> {
    const { groups } = this.#options
    if (!groups.has(group)) return noMember(group, message.memberId, fail)
    return orFail(await groups.tell(group, message), fail)
  }

  /** The member, in a group that has been told something. */
  #ownMember(
    group: string,
    claim: MemberClaim,
    fail: Fail<'memberNotFound'>,
  ): { readonly state: GroupState; readonly member: Member } {
    const state = this.#options.groups.stateNow(group)
    const member = claimed(state, claim)
    if (state === undefined || member === undefined) return noMember(group, claim.memberId, fail)
    return { state, member }
  }

  /** Gives the shards of a member that lost a grant to others. It joins again, and is told then what is missing. */
  async #expel(group: string, claim: MemberClaim, fail: Fail<'memberNotFound'>): Promise<never> {
    orThrow(await this.#options.groups.tell(group, { type: 'leave', ...claim }))
    return noMember(group, claim.memberId, fail)
  }

  async #knownGroup(group: string, fail: Fail<'groupNotFound'>): Promise<GroupState> {
    checkGroup(group)
    return (await this.#options.groups.stateOf(group)) ?? fail('groupNotFound', noGroup(group))
  }

  /** Adds the tail of an open shard to its checkpoint. Of a closed shard the catalog knows the end. */
  async #withTail(
    checkpoint: RequestOf<'saveCheckpoints'>['checkpoints'][number],
    identity: Identity,
  ): Promise<CheckpointMessage> {
    const { catalog, whenPublished } = this.#options
    const { streamId, shardIndex, next, isEnd } = checkpoint
    // Nobody is asked about a stream that he may not read: the time that this takes would tell that it exists.
    const name = catalog.state.streams.get(streamId)?.name
    if (name === undefined || !identity.may('read', 'stream', name)) return { ...checkpoint, tail: undefined }
    const find = () => shardsOf(catalog.state, streamId).get(shardIndex)
    // The shard is sealed, and its member has read it to its end, a moment before the catalog says so.
    if (isEnd && find()?.state === 'OPEN') await whenPublished(streamId)
    const shard = find()
    const tail = shard?.state === 'OPEN' ? await this.#hosts.tailOf(shard, next) : undefined
    return { ...checkpoint, tail }
  }
}

function noMember(group: string, memberId: string, fail: Fail<'memberNotFound'>): never {
  return fail('memberNotFound', noMemberText(group, memberId))
}

/** Throws the refusal among the answers. The operation declares the codes of its messages. */
function orFail(answer: GroupAnswer, fail: AnyFail): GroupAnswer {
  if (answer.is !== 'refused') return answer
  const { code, message, retryAfterMs } = answer
  return fail(code as never, message, retryAfterMs === undefined ? {} : { retryAfterMs })
}

/** Throws a refusal that any operation may answer. */
function orThrow(answer: GroupAnswer): void {
  if (answer.is !== 'refused') return
  throw refusal(answer.code === 'overloaded' ? 'overloaded' : 'unavailable', answer.message)
}

/** A member belongs to the principal that made it: its secret proves it together with that name. */
function claimOf(
  { group, memberId, secret }: RequestOf<'renewMember'>,
  { identity }: Pick<Session, 'identity'>,
): MemberClaim {
  checkGroup(group)
  const wrong = checkMemberId(memberId)
  if (wrong !== undefined) throw refusal('invalidArgument', wrong)
  if (secret.length !== limits.memberSecretBytes) {
    const message = `The secret of a member has ${limits.memberSecretBytes} bytes; this one has ${secret.length}.`
    throw refusal('invalidArgument', message)
  }
  const openHash = createHash('sha256').update(secret).digest('hex')
  const { principal } = identity
  if (principal === undefined) return { memberId, secretHash: openHash }
  return {
    memberId,
    openHash,
    secretHash: createHash('sha256').update(secret).update(principal).digest('hex'),
  }
}

/** True while the member may read the group, and all that it reads in it. */
function mayGoOn({ streams }: Member, group: string, identity: Identity): boolean {
  const mayRead = ({ name }: { readonly name: string }): boolean => identity.may('read', 'stream', name)
  return identity.may('read', 'group', group) && streams.every(mayRead)
}

function seesStreams(identity: Identity): SeesStream {
  return (name) => identity.may('describe', 'stream', name)
}

function checkGroup(name: string): void {
  const wrong = checkGroupName(name)
  if (wrong !== undefined) throw refusal('invalidArgument', wrong)
}

/** Throws `invalidArgument` for a position that is no beginning, or lacks its time. */
function startOf({ type, sequenceNumber, timestamp }: Position): StartPosition {
  if (type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER') {
    throw refusal(
      'invalidArgument',
      `A group begins at TRIM_HORIZON, LATEST or AT_TIMESTAMP, not at ${type}.`,
    )
  }
  if (sequenceNumber !== undefined || (type === 'AT_TIMESTAMP') !== (timestamp !== undefined)) {
    throw refusal(
      'invalidArgument',
      `Position ${type} does not take what it was given: AT_TIMESTAMP has a timestamp.`,
    )
  }
  return { type, timestamp }
}
