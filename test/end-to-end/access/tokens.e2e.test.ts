// Tokens over a daemon with two hosts: who is let in, what a revocation ends and what it leaves alone, and that a rotation loses
// nothing. Real processes.
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { connect, type Client, type MillraceError } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../../support/daemon.ts'

const DEADLINE_MS = 60_000

let daemon: TestDaemon
let root: Client

const rootToken = () => readFile(join(daemon.dataDir, 'root.token'), 'utf8')

beforeAll(async () => {
  daemon = await TestDaemon.start({ access: 'required', hosts: '2', owners: '2' })
  root = await connect(daemon.url, { token: rootToken })
  await root.createStream('clicks', { shards: 2 })
})

afterAll(async () => {
  await root?.close()
  await daemon?.[Symbol.asyncDispose]()
})

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come to hold in time')
    await delay(5)
  }
}

async function codeOf(task: () => Promise<unknown>): Promise<string> {
  try {
    await task()
    return 'done'
  } catch (error) {
    return (error as MillraceError).code
  }
}

/** A client of a new principal that may do everything. */
async function clientOf(principal: string): Promise<{ client: Client; id: string; token: string }> {
  const { id, token } = await root.access.createToken(principal, { grants: ['*:*:admin'] })
  return { client: await connect(daemon.url, { token }), id, token }
}

/** Keys on both hosts. */
const keys = Array.from({ length: 16 }, (_, i) => `key-${i}`)

async function putAll(client: Client): Promise<void> {
  await Promise.all(keys.map((partitionKey) => client.put('clicks', { partitionKey, data: 'x' })))
}

describe('the first start', () => {
  it('leaves a token of root, and where the broker is, in files for their owner alone', async () => {
    const profile = JSON.parse(await readFile(join(daemon.dataDir, 'local-profile.json'), 'utf8')) as object
    expect(profile).toEqual({ url: daemon.url, tokenFile: join(daemon.dataDir, 'root.token') })
    for (const name of ['root.token', 'local-profile.json']) {
      expect((await stat(join(daemon.dataDir, name))).mode & 0o777).toBe(0o600)
    }
    expect(await root.access.describePrincipal()).toMatchObject({
      name: 'root',
      grants: [{ kind: '*', pattern: '*', actions: ['admin'] }],
      tokens: 1,
    })
  })
})

describe('a client', () => {
  it('without a token, or with a wrong one, is refused in one sentence and nothing is tried again', async () => {
    await using stranger = await connect(daemon.url)
    expect(await codeOf(() => stranger.describeStream('clicks'))).toBe('unauthenticated')
    const { token } = await root.access.createToken('wrong', {})
    const asked: string[] = []
    const give = () => {
      asked.push('token')
      return token.slice(0, 20) + Buffer.alloc(32, 7).toString('base64url')
    }
    await expect(connect(daemon.url, { token: give })).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(asked).toHaveLength(1)
    const none = `${token}x`
    const failed: unknown = await connect(daemon.url, { token: none }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'invalidArgument' })
    expect(inspect(failed, { depth: 10 })).not.toContain(token.slice(20))
  })

  it('whose token has expired is refused, and told so', async () => {
    const { token } = await root.access.createToken('brief', { expiresAt: Date.now() + 1_000 })
    const refused = async (): Promise<string> => {
      const client = await connect(daemon.url, { token }).catch((error: MillraceError) => error)
      if ('message' in client) return client.message
      await client.close()
      return ''
    }
    await until(async () => (await refused()).includes('has expired'))
  })

  it('shows no token where it is inspected', async () => {
    const { client, token } = await clientOf('shown')
    const secret = token.slice(20)
    expect(inspect(client, { depth: 20, showHidden: true })).not.toContain(secret)
    await client.close()
  })
})

describe('a client that acts as another', () => {
  it('has the rights of that one at controller and hosts, until that one is deleted', async () => {
    await root.access.createToken('alice', { grants: ['clicks:read,write'] })
    await root.createStream('orders')
    await using alice = await connect(daemon.url, { token: rootToken, actAs: 'alice' })
    expect(await alice.access.describePrincipal()).toMatchObject({ name: 'alice' })
    await putAll(alice)
    const position = { shard: '0', from: 'TRIM_HORIZON' } as const
    expect((await alice.fetch('clicks', position)).records.length).toBeGreaterThan(0)
    expect(await codeOf(() => alice.describeStream('orders'))).toBe('streamNotFound')
    expect(await codeOf(() => alice.put('orders', { partitionKey: 'k', data: 'x' }))).toBe('streamNotFound')
    expect(await codeOf(() => alice.deleteStream('clicks'))).toBe('permissionDenied')
    await root.access.deletePrincipal('alice')
    expect(await codeOf(() => putAll(alice))).not.toBe('done')
    expect(await codeOf(() => connect(daemon.url, { token: rootToken, actAs: 'alice' }))).toBe(
      'principalNotFound',
    )
    await root.deleteStream('orders')
  })

  it('is refused for good without the right, or without a token', async () => {
    const { token } = await root.access.createToken('modest', { grants: ['clicks:admin'] })
    const asked: string[] = []
    const give = () => {
      asked.push('token')
      return token
    }
    expect(await codeOf(() => connect(daemon.url, { token: give, actAs: 'root' }))).toBe('permissionDenied')
    expect(asked).toHaveLength(1)
    expect(await codeOf(() => connect(daemon.url, { actAs: 'root' }))).toBe('invalidArgument')
  })
})

describe('a revocation', () => {
  it('ends sessions with controller and hosts, and those of others go on', async () => {
    const gone = await clientOf('gone')
    const kept = await clientOf('kept')
    const seen = { gone: 0, kept: 0 }
    const follow = async (client: Client, name: 'gone' | 'kept') => {
      for await (const _ of client.subscribe('clicks')) seen[name]++
    }
    const ended = codeOf(() => follow(gone.client, 'gone'))
    const going = codeOf(() => follow(kept.client, 'kept'))
    // Both subscribe to both hosts.
    await until(async () => {
      await putAll(root)
      return seen.gone >= 2 * keys.length && seen.kept >= 2 * keys.length
    })
    const lost: string[] = []
    await root.access.revokeToken(gone.id)
    expect(await ended).toBe('unauthenticated')
    expect(await codeOf(() => putAll(gone.client))).toBe('unauthenticated')
    await putAll(kept.client).catch((error: Error) => lost.push(error.message))
    const before = seen.kept
    await putAll(root)
    await until(() => seen.kept >= before + keys.length)
    expect(lost).toEqual([])
    await gone.client.close()
    await kept.client.close()
    expect(await going).toBe('done')
  })

  it('of the token that asks for it is answered before its session ends', async () => {
    const { client, id } = await clientOf('self')
    await client.access.revokeToken(id)
    expect(await codeOf(() => client.describeStream('clicks'))).toBe('unauthenticated')
    await client.close()
  })

  it('holds for hosts that are killed and start again', async () => {
    const { client, id } = await clientOf('restarted')
    await putAll(client)
    const pids = await hostPids()
    await root.access.revokeToken(id)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await until(async () => {
      const now = await hostPids()
      return now.length === 2 && now.every((pid) => !pids.includes(pid))
    })
    expect(await codeOf(() => putAll(client))).toBe('unauthenticated')
    await until(async () => (await codeOf(() => putAll(root))) === 'done')
    await client.close()
  })

  it('of a principal ends all of its sessions', async () => {
    const { client } = await clientOf('deleted')
    await putAll(client)
    await root.access.deletePrincipal('deleted')
    expect(await codeOf(() => client.describeStream('clicks'))).toBe('unauthenticated')
    await client.close()
  })
})

describe('a rotation by a function', () => {
  it('loses nothing of a producer, a subscription and a group that are at work', async () => {
    const first = await clientOf('rotating')
    let token = first.token
    await using client = await connect(daemon.url, { token: () => token })
    await client.createStream('rotated', { shards: 2 })
    const seen = new Set<string>()
    const handled = new Set<string>()
    const reading = client.subscribe('rotated', { from: 'TRIM_HORIZON' })
    const following = (async () => {
      for await (const record of reading) seen.add(Buffer.from(record.data).toString())
    })()
    const group = client.group({ name: 'rotated', stream: 'rotated', leaseMs: 3000 })
    const running = group.run((records) => {
      for (const { data } of records) handled.add(Buffer.from(data).toString())
    })
    const producer = await client.producer('rotated')
    let sent = 0
    let isProducing = true
    const producing = (async () => {
      while (isProducing) {
        await producer.send({ partitionKey: `key-${sent % 16}`, data: `record-${sent}` })
        sent++
      }
    })()
    await until(() => seen.size > 20)
    let old = first.id
    for (let turn = 0; turn < 3; turn++) {
      const { id, token: next } = await root.access.createToken('rotating')
      token = next
      await root.access.revokeToken(old)
      old = id
      const before = sent
      await until(() => sent > before + 20)
    }
    isProducing = false
    await producing
    await producer.close()
    await until(() => seen.size >= sent && handled.size >= sent)
    expect([seen.size, handled.size]).toEqual([sent, sent])
    await reading.close()
    await following
    await group.stop()
    await running
    await first.client.close()
  })
})

describe('the token of root', () => {
  it('is made anew by a start where its file is lost, and the lost one is of no use', async () => {
    const lost = await rootToken()
    await rm(join(daemon.dataDir, 'root.token'))
    await daemon.stop()
    await daemon.restart()
    await expect(connect(daemon.url, { token: lost })).rejects.toMatchObject({ code: 'unauthenticated' })
    await using client = await connect(daemon.url, { token: rootToken })
    expect((await client.access.describePrincipal()).tokens).toBe(1)
  })
})

async function hostPids(): Promise<number[]> {
  const { hosts } = await root.describeBroker()
  return hosts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
}
