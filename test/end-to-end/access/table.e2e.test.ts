// Every operation, asked by everybody, of every process, over every way: who may do it does it, and everybody else is told what
// the rules below say. They are spelled out here once more, by hand, so that a mistake in the table or in the gate shows.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations, type OperationName } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../../protocol/error-codes.ts'
import type { RawConnection } from '../../support/raw-connection.ts'
import { byMembers, prepare, samples, type Things } from './samples.ts'
import { outcomeOf, processes, transports, World, type ProcessRole, type Transport } from './world.ts'

/** What the things that are asked for are granted to each. */
const granted = {
  other: (action: string) => [`views:${action}`, `group:others:${action}`, 'document:else/*:read,write'],
  reader: () => ['orders:read', 'group:billing:read', 'document:plans/daily:read'],
  writer: () => ['orders:write', 'group:billing:write', 'document:plans/daily:write'],
  manager: () => ['orders:manage', 'group:billing:manage', 'document:plans/daily:manage'],
  admin: () => ['orders:admin', 'group:billing:admin', 'document:plans/daily:admin'],
  everything: () => ['*:*:admin'],
} as const
type Known = keyof typeof granted
const known = Object.keys(granted) as Known[]
/** Who is not let in. */
const strangers = ['no token', 'wrong token', 'expired token', 'revoked token'] as const
/** Who may do everything, and acts as another, who may do less. */
const actors = ['everything as other', 'everything as reader', 'everything as writer'] as const

type Who = Known | (typeof strangers)[number] | (typeof actors)[number]
const identified: readonly Who[] = [...known, ...actors]

/** As whom it is asked. */
const standing = (who: Who): Who => (who.split(' as ').at(-1) ?? who) as Who

/** The rules: who may do it, and what those are told who may not see the thing; who sees it and may not is `permissionDenied`. */
type Rule =
  | 'before it is known who asks'
  | 'everybody who is known'
  | { readonly by: readonly Known[]; readonly hidden: string }

const all: readonly Known[] = ['reader', 'writer', 'manager', 'admin', 'everything']
const readers: readonly Known[] = ['reader', 'admin', 'everything']
const writers: readonly Known[] = ['writer', 'admin', 'everything']
const managers: readonly Known[] = ['manager', 'admin', 'everything']
const root: readonly Known[] = ['everything']

const rules: { readonly [N in OperationName]: Rule } = {
  hello: 'before it is known who asks',
  ping: 'before it is known who asks',
  authenticate: 'before it is known who asks',
  createStream: { by: managers, hidden: 'permissionDenied' },
  deleteStream: { by: managers, hidden: 'streamNotFound' },
  describeStream: { by: all, hidden: 'streamNotFound' },
  listStreams: 'everybody who is known',
  updateStream: { by: managers, hidden: 'streamNotFound' },
  listShards: { by: all, hidden: 'streamNotFound' },
  describeRouting: { by: all, hidden: 'streamNotFound' },
  describeBroker: { by: root, hidden: 'permissionDenied' },
  splitShard: { by: managers, hidden: 'streamNotFound' },
  mergeShards: { by: managers, hidden: 'streamNotFound' },
  updateShardCount: { by: managers, hidden: 'streamNotFound' },
  explainScaling: { by: all, hidden: 'streamNotFound' },
  append: { by: writers, hidden: 'shardNotFound' },
  fetch: { by: readers, hidden: 'shardNotFound' },
  resolvePosition: { by: readers, hidden: 'shardNotFound' },
  subscribe: { by: readers, hidden: 'shardNotFound' },
  unsubscribe: 'everybody who is known',
  joinGroup: { by: readers, hidden: 'permissionDenied' },
  renewMember: { by: readers, hidden: 'memberNotFound' },
  syncMember: { by: readers, hidden: 'memberNotFound' },
  saveCheckpoints: { by: readers, hidden: 'memberNotFound' },
  leaveGroup: { by: readers, hidden: 'permissionDenied' },
  listGroups: 'everybody who is known',
  describeGroup: { by: all, hidden: 'groupNotFound' },
  resetGroup: { by: managers, hidden: 'groupNotFound' },
  deleteGroup: { by: managers, hidden: 'groupNotFound' },
  pauseGroup: { by: managers, hidden: 'groupNotFound' },
  loadProgress: { by: readers, hidden: 'permissionDenied' },
  saveProgress: { by: readers, hidden: 'permissionDenied' },
  registerConsumer: { by: readers, hidden: 'streamNotFound' },
  describeConsumer: { by: all, hidden: 'streamNotFound' },
  listConsumers: { by: all, hidden: 'streamNotFound' },
  // The consumer is another principal's: it takes to manage the stream, too.
  deregisterConsumer: { by: ['admin', 'everything'], hidden: 'streamNotFound' },
  getDocument: { by: readers, hidden: 'documentNotFound' },
  putDocument: { by: writers, hidden: 'permissionDenied' },
  deleteDocument: { by: writers, hidden: 'documentNotFound' },
  listDocuments: 'everybody who is known',
  watchDocuments: 'everybody who is known',
  createToken: { by: ['admin', 'everything'], hidden: 'permissionDenied' },
  listTokens: 'everybody who is known',
  revokeToken: { by: root, hidden: 'credentialNotFound' },
  createAccessKey: { by: root, hidden: 'principalNotFound' },
  listAccessKeys: 'everybody who is known',
  revokeAccessKey: { by: root, hidden: 'credentialNotFound' },
  listPrincipals: 'everybody who is known',
  describePrincipal: { by: root, hidden: 'principalNotFound' },
  updatePrincipal: { by: root, hidden: 'permissionDenied' },
  deletePrincipal: { by: root, hidden: 'principalNotFound' },
  signingKey: { by: root, hidden: 'permissionDenied' },
}

/** About principals: nobody but root sees the one that is asked for, whatever he is granted. */
const aboutPrincipals = /(Token|AccessKey|Principal)$|^signingKey$/

/** What must come of it: the code of a refusal, or undefined where it is served, whatever comes of it then. */
function expected(operation: OperationName, asker: Who, process: ProcessRole): string | undefined {
  const who = standing(asker)
  const rule = rules[operation]
  if (rule === 'before it is known who asks') return undefined
  if (!(who in granted)) return 'unauthenticated'
  const { plane } = operations[operation]
  if ((plane === 'data') !== (process === 'host')) return 'unknownOperation'
  if (rule === 'everybody who is known' || rule.by.includes(who as Known)) return undefined
  return who === 'other' || aboutPrincipals.test(operation) ? rule.hidden : 'permissionDenied'
}

let world: World
let things: Things
const tokens = new Map<Who, string | undefined>()
const connections = new Map<string, RawConnection>()

beforeAll(async () => {
  world = await World.open()
  await world.ensureStream('views')
  for (const who of known)
    tokens.set(who, (await world.token(`p-${who}`, granted[who]('read,write,manage'))).token)
  const revoked = await world.token('p-reader', [])
  await world.root.request('revokeToken', { id: revoked.id })
  tokens.set('revoked token', revoked.token)
  const soon = Date.now() + 50
  tokens.set('expired token', (await world.token('p-reader', [], soon)).token)
  tokens.set('wrong token', `${tokens.get('reader')!.slice(0, -8)}AAAAAAAA`)
  while (Date.now() <= soon) await new Promise((resolve) => setTimeout(resolve, 10))
})

afterAll(() => world[Symbol.asyncDispose]())

/** A connection as which somebody asks. A refused credential ends it, so that of a stranger is a new one each time. */
async function connectionOf(who: Who, process: ProcessRole, transport: Transport): Promise<RawConnection> {
  const key = `${who}/${process}/${transport}`
  const there = connections.get(key)
  if (there !== undefined) return there
  const connection = await world.connect(process, transport)
  const [own, other] = who.split(' as ') as [Who, string?]
  const token = tokens.get(own)
  if (identified.includes(who)) {
    const actAs = other === undefined ? undefined : `p-${other}`
    await connection.request('authenticate', { token: token!, actAs })
    connections.set(key, connection)
  } else if (token !== undefined) {
    // What is asked right behind it must not slip through.
    void outcomeOf(connection, 'authenticate', { token, actAs: undefined }).then(({ code }) =>
      expect.soft(code).toBe('unauthenticated'),
    )
  }
  return connection
}

/** What came of it: for requests that are answered part by part, what came of the part. */
async function asked(
  operation: OperationName,
  who: Who,
  process: ProcessRole,
  transport: Transport,
): Promise<string> {
  const connection = await connectionOf(who, process, transport)
  const request = samples[operation](things) as never
  const { code, answer } = await outcomeOf(connection, operation, request)
  if (!identified.includes(who)) connection.close()
  // The end of the connection overtakes the answer to what came behind a refused credential.
  if (code === 'connectionLost' && who.endsWith('token')) return 'unauthenticated'
  if (code !== 'done') return code
  const parts =
    (answer as { results?: readonly { code: number }[]; shards?: readonly { code?: number }[] }) ?? {}
  const part = operation === 'append' ? parts.results : operation === 'fetch' ? parts.shards : undefined
  const [first] = part ?? []
  return first?.code === undefined || first.code === 0 ? 'done' : errorCodeOf(first.code)
}

/** Of operations that change what the next one asks for. */
const changing = /^(create|delete|update|split|merge|join|leave|reset|save|register|deregister|put|revoke)/

const refusals = ['unauthenticated', 'permissionDenied', 'unknownOperation']

let count = 0

describe.each(transports)('over %s', (transport) => {
  describe.each(processes)('the %s', (process) => {
    it.each(Object.keys(operations) as OperationName[])(
      '%s: does what the rules say, for everybody',
      async (operation) => {
        const rule = rules[operation]
        const hidden = typeof rule === 'object' ? [rule.hidden] : []
        things = await prepare(world, 'nobody')
        for (const who of [...identified, ...strangers]) {
          things = { ...things, memberId: `m${++count}` }
          const wanted = expected(operation, who, process)
          if (byMembers.includes(operation) && wanted === undefined) {
            const joining = samples.joinGroup(things)
            await (await connectionOf(who, process, transport)).request('joinGroup', joining)
          }
          const told = await asked(operation, who, process, transport)
          if (wanted !== undefined) expect(`${who}: ${told}`).toBe(`${who}: ${wanted}`)
          // The token of the sample is wrong, and so is that of a stranger.
          else if (operation !== 'authenticate' && identified.includes(who)) {
            expect([...refusals, ...hidden], `${who}: ${told}`).not.toContain(told)
            if (changing.test(operation)) things = await prepare(world, 'nobody')
          }
        }
      },
    )
  })
})

it('there is a rule and a sample for each operation', () => {
  expect(Object.keys(rules).toSorted()).toEqual(Object.keys(operations).toSorted())
  expect(Object.keys(samples).toSorted()).toEqual(Object.keys(operations).toSorted())
})
