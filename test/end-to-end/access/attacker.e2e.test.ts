// One who has a valid token and may do a little: he tries every operation with every name and id that is not his, and learns
// nothing. What he is told of a thing that he may not see is what he is told of a thing that does not exist.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorCodeOf } from '../../../protocol/error-codes.ts'
import { limits } from '../../../protocol/limits.ts'
import { operations, type OperationName, type RequestOf } from '../../../protocol/index.ts'
import type { RawConnection } from '../../support/raw-connection.ts'
import { comparesAnswers, leavesOf, mapped, refusedText, textOf, type Outcome } from './outcomes.ts'
import { samples, type Things } from './samples.ts'
import { batch, outcomeOf, secretOf, World } from './world.ts'

/** Planted: nothing that comes back may hold one of these words, but those that he sent himself. */
const planted = {
  stream: 'zqstream',
  group: 'zqgroup',
  consumer: 'zqconsumer',
  kind: 'zqkind',
  document: 'zqdocument',
  victim: 'zqprincipal',
  memberId: 'zqmember',
} as const
const CONTENTS = ['zqrecord', 'zqcontent', 'zqdescription', 'zqclient']
const words = [...Object.values(planted), ...CONTENTS]

/** Names that never were, as long as those. */
const ghostOf = (text: string): string => text.replaceAll('zq', 'xw')

const own: Omit<Things, 'streamId' | 'victimToken' | 'victimKey'> = {
  stream: 'mine',
  group: 'mine-group',
  consumer: 'mine-consumer',
  kind: 'mine',
  document: 'mine-document',
  victim: 'attacker',
  memberId: 'mine-member',
}

const from = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
const joining = (group: string, memberId: string, ...streams: string[]): RequestOf<'joinGroup'> => ({
  group,
  memberId,
  secret: secretOf(memberId),
  streams: streams.map((name) => ({ name, from })),
  leaseMs: limits.leaseMsMax,
  life: undefined,
})

let world: World
let things: Things
let hidden: Things
let sharedId: number
let atController: RawConnection
let atHost: RawConnection
let owner: { readonly controller: RawConnection; readonly host: RawConnection }

/** Numbers that name something of others, and as many that name nothing. */
const GHOST_ID = 9_999

beforeAll(async () => {
  world = await World.open()
  const { root } = world
  for (const name of ['mine', 'shared', planted.stream]) await world.ensureStream(name)
  things = { ...own, streamId: await world.streamId('mine'), victimToken: '', victimKey: '' }
  sharedId = await world.streamId('shared')
  const streamId = await world.streamId(planted.stream)
  for (let i = 0; i < 7; i++) await world.append(streamId, batch('zqrecord'))
  await root.request('registerConsumer', { stream: planted.stream, consumer: planted.consumer })
  const content = Buffer.from('zqcontent')
  for (const kind of [planted.kind, 'other']) {
    await root.request('putDocument', { kind, name: planted.document, content, expectedVersion: undefined })
  }
  await root.request('joinGroup', joining(planted.group, planted.memberId, planted.stream))
  // A group of his that also reads what is not his.
  await root.request('joinGroup', joining('mine-group', 'worker', 'mine', planted.stream))
  const grants = [
    'mine:read,write,manage',
    'shared:read,write',
    'group:mine-*:read,manage',
    'group:shared:read',
    'document:mine/*:read,write',
  ]
  const attacker = await world.token('attacker', grants)
  const made = await root.request('createToken', {
    principal: planted.victim,
    description: 'zqdescription',
    expiresAt: undefined,
    grants: [],
  })
  const { id: victimKey } = await root.request('createAccessKey', {
    principal: planted.victim,
    description: 'zqdescription',
    expiresAt: undefined,
  })
  hidden = { ...planted, streamId, victimToken: made.id, victimKey }
  atController = await world.connect('controller', 'a port', attacker.token)
  atHost = await world.connect('host', 'a port', attacker.token)
  const owning = await world.token('owner', ['shared:read,write,manage', 'group:shared:read'])
  owner = {
    controller: await world.connect('controller', 'a port', owning.token),
    host: await world.connect('host', 'a port', owning.token),
  }
})

afterAll(() => world[Symbol.asyncDispose]())

const idsOf = (path: string): readonly number[] =>
  path.endsWith('streamId') ? [hidden.streamId] : path.endsWith('Id') ? [1, 2] : []

/** The request with others' names and ids in place of his: one at a time, and all at once. */
function attacks(
  operation: OperationName,
): readonly { readonly request: unknown; readonly ghost: unknown }[] {
  const request = samples[operation](things)
  const ghosted = (attack: unknown): unknown =>
    mapped(attack, (leaf, path) => {
      if (typeof leaf === 'string') return ghostOf(leaf)
      return path.endsWith('streamId') && leaf === hidden.streamId ? GHOST_ID : leaf
    })
  const single = leavesOf(request).flatMap(([at, leaf]) => {
    const values =
      typeof leaf === 'string' || leaf === undefined ? words : typeof leaf === 'number' ? idsOf(at) : []
    return values.map((value) => mapped(request, (found, path) => (path === at ? value : found)))
  })
  const ghosts: Things = { ...hidden, victimToken: 'xw', victimKey: 'xw', streamId: GHOST_ID }
  for (const name of ['stream', 'group', 'consumer', 'kind', 'document', 'victim', 'memberId'] as const) {
    Object.assign(ghosts, { [name]: ghostOf(hidden[name]) })
  }
  return [
    { request: samples[operation](hidden), ghost: samples[operation](ghosts) },
    ...single.map((attack) => ({ request: attack, ghost: ghosted(attack) })),
  ]
}

/** A refusal of a ghost in the words of one of what is there. */
function named(text: string): string {
  return text
    .replaceAll('xw', 'zq')
    .replaceAll(String(GHOST_ID), String(hidden.streamId))
    .replaceAll(hidden.victimToken, 'zq')
    .replaceAll(hidden.victimKey, 'zq')
}

const tellsTheSame = (told: Outcome, ghostly: Outcome): boolean =>
  told.code === ghostly.code &&
  (!comparesAnswers(told) || named(refusedText(ghostly)) === named(refusedText(told)))

const isReading = (name: OperationName): boolean =>
  /^(describe|list|get|watch|load|fetch|resolve|explain)/.test(name)
/** Those first that only read: later ones write the words into things of his own. */
const tried = (Object.keys(operations) as OperationName[])
  .filter((name) => operations[name].plane !== 'session')
  .toSorted((a, b) => Number(isReading(b)) - Number(isReading(a)))

describe('every operation, with the names and ids of others', () => {
  it.each(tried)('%s tells nothing, and what is there from what is not by nothing', async (operation) => {
    const connection = operations[operation].plane === 'data' ? atHost : atController
    const before = connection.events.length
    for (const { request, ghost } of attacks(operation)) {
      const sent = textOf(request)
      const ask = async () => {
        const told = await outcomeOf(connection, operation, request as never)
        const received = textOf(told) + textOf(connection.events.slice(before))
        for (const word of words) {
          if (!sent.includes(word)) expect(received, `${operation} ${sent}`).not.toContain(word)
        }
        for (const content of CONTENTS) if (!sent.includes(content)) expect(received).not.toContain(content)
        return told
      }
      let told = await ask()
      let ghostly = await outcomeOf(connection, operation, ghost as never)
      // What is his own may change between the two, as when a shard is assigned to him: what differs for that is the same soon.
      // Asking again what changes something would make the ghost real, and hide a difference.
      const { idempotent } = operations[operation]
      for (let again = 0; idempotent && again < 100 && !tellsTheSame(told, ghostly); again++) {
        await sleep(100)
        told = await ask()
        ghostly = await outcomeOf(connection, operation, ghost as never)
      }
      expect(`${sent}: ${ghostly.code}`).toBe(`${sent}: ${told.code}`)
      if (comparesAnswers(told)) expect(named(refusedText(ghostly))).toBe(named(refusedText(told)))
    }
  })

  it('leaves what is there as it was', async () => {
    const { root, rootAtHost } = world
    const { stream, streamId, group, kind, document: name } = hidden
    expect((await root.request('describeGroup', { group, limit: 10, after: undefined })).group.members).toBe(
      1,
    )
    const { document } = await root.request('getDocument', { kind, name })
    expect(textOf(document.content)).toContain('zqcontent')
    const { consumers } = await root.request('listConsumers', {
      stream,
      limit: 10,
      exclusiveStartName: undefined,
    })
    expect(consumers).toHaveLength(1)
    const position = { type: 'LATEST', sequenceNumber: undefined, timestamp: undefined } as const
    expect(await rootAtHost.request('resolvePosition', { streamId, shardIndex: 0, position })).toMatchObject({
      tail: 7,
    })
    await root.request('describePrincipal', { name: hidden.victim })
  })
})

describe('acting as another', () => {
  it('is refused in the same words, whether the other is there, is root, is himself or is not', async () => {
    const token = (await world.token('attacker', [])).token
    const names = [planted.victim, ghostOf(planted.victim), 'root', 'owner', 'attacker']
    for (const process of ['controller', 'host'] as const) {
      const told = []
      for (const actAs of names) {
        const connection = await world.connect(process, 'a port')
        told.push(await outcomeOf(connection, 'authenticate', { token, actAs }))
        await connection.closed
      }
      expect(new Set(told.map(({ code }) => code))).toEqual(new Set(['permissionDenied']))
      expect(new Set(told.map(({ message }) => message)).size).toBe(1)
    }
    for (const connection of [atController, atHost]) {
      expect((await outcomeOf(connection, 'authenticate', { token, actAs: 'root' })).code).toBe(
        'permissionDenied',
      )
    }
  })
})

describe('a group that also reads what is not his', () => {
  it('shows neither that stream nor how many shards of it there are', async () => {
    const told = await atController.request('describeGroup', {
      group: 'mine-group',
      limit: 10,
      after: undefined,
    })
    expect(told.group).toMatchObject({ streams: ['mine'], shards: 1 })
    expect(told.shards.map(({ streamName }) => streamName)).toEqual(['mine'])
    expect(textOf(told)).not.toContain(planted.stream)
  })
})

describe('a member of such a group', () => {
  it('learns by no checkpoint whether, how far, and by whom that stream is read', async () => {
    const request = joining('mine-group', 'mine-other', 'mine')
    const { group, memberId, secret } = request
    await atController.request('joinGroup', request)
    const results = async (streamId: number) => {
      const checkpoints = [0, 3, 7, 8].flatMap((next) =>
        [1, 2, 3].flatMap((epoch) =>
          [true, false].map((isEnd) => ({ streamId, shardIndex: 0, epoch, next, isEnd })),
        ),
      )
      const told = []
      for (const checkpoint of checkpoints) {
        const member = { group, memberId, secret, checkpoints: [checkpoint] }
        told.push(...(await atController.request('saveCheckpoints', member)).results)
      }
      return told
    }
    expect(await results(hidden.streamId)).toEqual(await results(GHOST_ID))
    await atController.request('leaveGroup', { group, memberId, secret })
  })
})

describe('on a stream that both may write', () => {
  const secret = secretOf('producer-secret')
  const append = async (connection: RawConnection, bytes: Uint8Array, producerSecret?: Uint8Array) => {
    const batches = [{ streamId: sharedId, shardIndex: 0, batch: bytes, producerSecret }]
    const { code } = (await connection.request('append', { batches })).results[0]!
    return code === 0 ? 'stored' : errorCodeOf(code)
  }
  const next = (firstProducerSequence: number, producerEpoch: number) =>
    batch(`n${firstProducerSequence}`, secret, { firstProducerSequence, producerEpoch })

  it("nobody writes under another's producer id, not even with its secret, and a fenced epoch stays fenced", async () => {
    expect(await append(owner.host, next(0, 1), secret)).toBe('stored')
    expect(await append(atHost, next(1, 1), secretOf('another'))).toBe('producerUnproven')
    expect(await append(atHost, next(1, 1), undefined)).toBe('producerUnproven')
    for (const epoch of [0, 1, 2]) {
      expect(await append(atHost, next(0, epoch), secret)).toBe('producerUnproven')
      expect(await append(atHost, next(1, epoch), secret)).toBe('producerUnproven')
    }
    expect(await append(owner.host, next(1, 0), secret)).toBe('producerFenced')
    expect(await append(owner.host, next(1, 1), secret)).toBe('stored')
  })

  it('a producer goes on with another token of its principal', async () => {
    const { token } = await world.token('owner', [])
    expect(await append(await world.connect('host', 'a port', token), next(2, 1), secret)).toBe('stored')
  })

  it('what a producer makes that acts as its owner is his, and nobody else goes on with it', async () => {
    const acting = await world.connect('host', 'a port')
    await acting.request('authenticate', { token: world.rootToken, actAs: 'owner' })
    expect(await append(acting, next(3, 1), secret)).toBe('stored')
    expect(await append(world.rootAtHost, next(4, 1), secret)).toBe('producerUnproven')
    expect(await append(owner.host, next(4, 1), secret)).toBe('stored')
  })

  it("another's consumer is neither taken nor deregistered", async () => {
    const named = { stream: 'shared', consumer: 'dashboard' }
    await owner.controller.request('registerConsumer', named)
    const subscribing = {
      streamId: sharedId,
      shardIndex: 0,
      position: from,
      creditBytes: 1_000,
      consumer: 'dashboard',
    }
    expect((await outcomeOf(atHost, 'subscribe', subscribing)).code).toBe('permissionDenied')
    expect((await outcomeOf(atController, 'deregisterConsumer', named)).code).toBe('permissionDenied')
    expect((await outcomeOf(owner.host, 'subscribe', subscribing)).code).toBe('done')
    expect((await outcomeOf(owner.controller, 'deregisterConsumer', named)).code).toBe('done')
  })

  it("another's member is not spoken for, not even with its secret", async () => {
    const request = joining('shared', 'worker', 'shared')
    const { group, memberId, secret: shown } = request
    const member = { group, memberId, secret: shown }
    await owner.controller.request('joinGroup', request)
    expect((await outcomeOf(atController, 'joinGroup', request)).code).toBe('memberExists')
    expect((await outcomeOf(atController, 'renewMember', member)).code).toBe('memberNotFound')
    await atController.request('leaveGroup', member)
    expect((await outcomeOf(owner.controller, 'renewMember', member)).code).toBe('done')
  })
})

describe('a grant that is taken', () => {
  it('takes the shards of a member that waits, who is told what is missing when it joins again', async () => {
    const { token } = await world.token('worker', ['shared:read', 'group:others:read'])
    const connection = await world.connect('controller', 'a port', token)
    const request = joining('others', 'w1', 'shared')
    const member = { group: 'others', memberId: 'w1', secret: request.secret }
    await connection.request('joinGroup', request)
    const sync = (version: number, waitMs: number) =>
      outcomeOf(connection, 'syncMember', { ...member, version, waitMs, reports: [], released: [] })
    let version = 0
    for (let quiet = 0; quiet < 3;) {
      const { answer } = await sync(version, 300)
      quiet = answer!.version === version ? quiet + 1 : 0
      version = answer!.version
    }
    const waiting = sync(version, 10_000)
    await connection.request('ping', {})
    const remove = [{ kind: 'stream', pattern: 'shared', actions: ['read'], expiresAt: undefined }] as const
    await world.root.request('updatePrincipal', {
      name: 'worker',
      add: [],
      remove,
      certificateNames: undefined,
    })
    expect((await waiting).code).toBe('memberNotFound')
    expect(await outcomeOf(connection, 'joinGroup', request)).toEqual({
      code: 'streamNotFound',
      message: 'There is no stream called shared.',
    })
    const { group } = await world.root.request('describeGroup', {
      group: 'others',
      limit: 1,
      after: undefined,
    })
    expect(group.members).toBe(0)
  })

  it('ends what goes on at once, and leaves the session', async () => {
    const { token } = await world.token('reader', ['shared:read', 'group:shared:read'])
    const host = await world.connect('host', 'a port', token)
    const subscribing = {
      streamId: sharedId,
      shardIndex: 0,
      position: from,
      creditBytes: 1,
      consumer: undefined,
    }
    await host.request('subscribe', subscribing)
    const waiting = host.request('fetch', {
      shards: [{ streamId: sharedId, shardIndex: 0, sequenceNumber: 5, bytesMax: 1_000 }],
      bytesMax: 1_000,
      waitMs: 10_000,
    })
    await host.request('ping', {})
    const remove = [{ kind: 'stream', pattern: 'shared', actions: ['read'], expiresAt: undefined }] as const
    await world.root.request('updatePrincipal', {
      name: 'reader',
      add: [],
      remove,
      certificateNames: undefined,
    })
    expect(errorCodeOf((await waiting).shards[0]!.code)).toBe('shardNotFound')
    await host.request('ping', {})
    const ended = host.events.flatMap((event) => (event.event === 'subscriptionEnded' ? [event.body] : []))
    expect(ended.map(({ code, message }) => `${errorCodeOf(code)}: ${message}`)).toEqual([
      'streamNotFound: The stream was deleted.',
    ])
  })
})
