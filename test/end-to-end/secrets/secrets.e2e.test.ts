// Secrets in a broker and its clients turn up nowhere but where they belong: not in logs at the finest level, in the audit trail, in
// errors, in what clients print as, in metrics, in command lines, or in files of the data directory.
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { connect, staticKeys } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDaemon, type RunningDaemon } from '#dist/bench/harness/daemon.js'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'
import { command } from '../../cli/command.ts'
import { batchOf, RawConnection } from '../../support/raw-connection.ts'
import { commandLinesOf, leaksIn, leaksInFiles, type Planted } from './places.ts'

let directory: string
let daemon: RunningDaemon
const planted: Planted[] = []
/** Everything that was printed or could be, by where it came from. */
const seen: { readonly where: string; readonly text: string }[] = []

function plant<S extends string | Uint8Array>(name: string, secret: S): S {
  planted.push({ name, secret })
  return secret
}

/** A token's id is public; its secret is what must not be seen. */
function plantToken(name: string, token: string): string {
  plant(name, token.split('_').slice(2).join('_').slice(0, 24))
  return token
}

function see(where: string, ...values: readonly unknown[]): void {
  for (const value of values) {
    const texts = [String(value), inspect(value, { depth: 20, showHidden: true, maxStringLength: Infinity })]
    if (typeof value === 'object') texts.push(jsonOf(value))
    for (const text of texts) seen.push({ where, text })
  }
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return '' // what is a circle prints as none
  }
}

/** What comes out of it, thrown or returned. */
async function outcome(where: string, work: () => Promise<unknown>): Promise<void> {
  try {
    see(where, await work())
  } catch (error) {
    see(where, error, (error as Error).cause, (error as Error).stack)
  }
}

const dataDir = (): string => join(directory, 'data')

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-secrets-'))
  daemon = await startDaemon(dataDir(), {
    config: { access: 'required', logLevel: 'trace', auditLog: join(directory, 'audit.log') },
  })
  for (const stream of [daemon.process.stdout!, daemon.process.stderr!]) {
    stream.on('data', (chunk: Buffer) => seen.push({ where: 'log', text: chunk.toString() }))
  }
})

afterAll(async () => {
  await daemon.stop()
  await rm(directory, { recursive: true, force: true })
})

async function useClients(root: string): Promise<string> {
  await using admin = await connect(daemon.url, { token: root })
  const grants = ['open-*:admin', 'group:*:admin', 'document:*:admin']
  const made = await admin.access.createToken('shop', { grants, description: 'for the shop' })
  const token = plantToken('token of shop', made.token)
  const key = await admin.access.createAccessKey('shop')
  plant('secret of an access key', key.secret)
  see('what lists show', await admin.access.listTokens().page(), await admin.access.listAccessKeys().page())
  const bytes = plant('key of records', randomBytes(32))
  const keys = staticKeys({ current: 'k1', keys: { k1: bytes } })
  await using client = await connect(daemon.url, { token, encryption: { keys, streams: ['open-*'] } })
  see('a client', client, admin, keys)
  await client.createStream('open-1', { shards: 1 })
  const producer = await client.producer('open-1')
  see('a producer', producer)
  await producer.send({ partitionKey: 'a', data: 'x' })
  await producer.close()
  // A token in every place where a person might put one by mistake.
  await outcome('a stream', () => client.createStream(token))
  await outcome('a stream that is not there', () => client.describeStream(token))
  await outcome('a group', () => client.describeGroup(token))
  await outcome('a document', () => client.documents(`app`).get(token))
  await outcome('a principal', () => admin.access.createToken(token))
  await outcome('a grant', () => admin.access.createToken('bank', { grants: [`${token}:read`] }))
  await outcome('a description', () => admin.access.createToken('bank', { description: `was ${token}` }))
  await outcome('a credential', () => admin.access.revokeToken(token))
  await outcome('a url', () => connect(`millrace://${token}@127.0.0.1:7400`))
  await outcome('another url', () => connect(`${token}`))
  await outcome('a wrong secret', () =>
    connect(daemon.url, { token: `${token.slice(0, -1)}A`, requestTimeoutMs: 5000 }),
  )
  await outcome('no token', () => connect(daemon.url, { token: `x${token}` }))
  await admin.access.revokeToken(made.id)
  await outcome('revoked', () => connect(daemon.url, { token, requestTimeoutMs: 5000 }))
  return token
}

async function useFrames(root: string): Promise<void> {
  const port = Number(new URL(daemon.url).port)
  const raw = await RawConnection.open(port)
  await raw.request('authenticate', { token: root, actAs: undefined })
  const secret = plant('secret of a member', randomBytes(16))
  const from = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
  const member = { group: 'g', memberId: 'm', secret }
  await outcome('joining', () =>
    raw.request('joinGroup', {
      ...member,
      streams: [{ name: 'open-1', from }],
      leaseMs: 10_000,
      life: undefined,
    }),
  )
  await outcome('another member', () => raw.request('renewMember', { ...member, secret: randomBytes(16) }))
  const { hosts } = await raw.request('describeRouting', { name: 'open-1' })
  const host = await RawConnection.open(hosts[0]!.port)
  await host.request('authenticate', { token: root, actAs: undefined })
  const { stream } = await raw.request('describeStream', { name: 'open-1' })
  const producerSecret = plant('secret of a producer', randomBytes(32))
  const { producerId } = producerIdentityOf(producerSecret)
  const batch = (id: number): Uint8Array =>
    batchOf([{ partitionKey: 'a', data: Buffer.from('x') }], { producerId: id })
  for (const id of [producerId, producerId + 1]) {
    await outcome('appending', () =>
      host.request('append', {
        batches: [{ streamId: stream.id, shardIndex: 0, batch: batch(id), producerSecret }],
      }),
    )
  }
  raw.close()
  host.close()
}

async function useCommands(token: string): Promise<void> {
  const file = join(directory, 'shop.token')
  await writeFile(file, token, { mode: 0o600 })
  const home = { XDG_CONFIG_HOME: directory, MILLRACE_DATA_DIR: dataDir() }
  const lines: readonly (readonly string[])[] = [
    ['config'],
    ['config', '--quotas', `requests=${token}`],
    ['status'],
    ['stream', 'describe', token],
    ['stream', 'list', '--url', `millrace://${token}@127.0.0.1:1`],
    ['profile', 'add', 'shop', '--url', daemon.url, '--token-file', file],
    ['profile', 'list'],
    ['status', '--profile', 'shop'],
    ['token', 'list'],
    ['doctor'],
  ]
  for (const args of lines) {
    const env = { ...home, ...(args[0] === 'status' && { MILLRACE_TOKEN: token }) }
    const { stdout, stderr } = await command(args, { env, cwd: directory })
    see(`millrace ${args.slice(0, 2).join(' ')}`, stdout.toString(), stderr)
  }
}

it('secrets stand nowhere but in their own files', { timeout: 300_000 }, async () => {
  const root = plantToken('token of root', (await readFile(join(dataDir(), 'root.token'), 'utf8')).trim())
  const keyFile = await readFile(join(dataDir(), 'access.key')).catch(() => undefined)
  const token = await useClients(root)
  await useFrames(root)
  await useCommands(token)
  const made = keyFile ?? (await readFile(join(dataDir(), 'access.key')))
  plant('content of the key file', made.toString('utf8').trim())
  const answer = await fetch(`${daemon.adminUrl}/metrics`, { headers: { authorization: `Bearer ${root}` } })
  see('metrics', await answer.text())
  const refused = await fetch(`${daemon.adminUrl}/metrics?token=${token}`, {
    headers: { authorization: token },
  })
  see('refused metrics', await refused.text())
  see('command lines', await commandLinesOf(daemon.pid))
  see('log', daemon.log())
  await daemon.stop()
  see('audit', await readFile(join(directory, 'audit.log'), 'utf8'))

  // The search finds what is there to be found.
  expect(leaksIn(`x${root}`, planted)).toEqual(['token of root'])
  expect(planted.map(({ name }) => name)).toHaveLength(7)
  const audit = seen.find(({ where }) => where === 'audit')!.text
  for (const code of ['AUTH-001', 'ACCESS-001', 'STREAM-001']) expect(audit).toContain(code)
  const logged = seen.filter(({ where }) => where === 'log')
  expect(logged.some(({ text }) => text.includes('"level":"debug"'))).toBe(true)

  // Pieces of the log are put together: a secret may lie across two.
  const places = [...new Set(seen.map(({ where }) => where))]
  const textOf = (place: string): string =>
    seen.flatMap((each) => (each.where === place ? each.text : [])).join('')
  const leaks = places.flatMap((place) => leaksIn(textOf(place), planted).map((name) => `${place}: ${name}`))
  expect(leaks).toEqual([])
  const own = ['root.token', 'access.key']
  expect(await leaksInFiles(dataDir(), planted, own)).toEqual([])
})
