// Principals and credentials as they are stored: over restarts, crashes at the first start, damage, and a full disk; and the key
// file that encrypts secrets of access keys.
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { anyone } from '../../../../broker/access/identity.ts'
import type { Policy } from '../../../../broker/access/policy.ts'
import { openAccess } from '../../../../broker/control/access/access-desk.ts'
import { KeyRing } from '../../../../broker/control/access/key-ring.ts'
import { planCreateToken } from '../../../../broker/control/access/plans.ts'
import { AccessRegistry } from '../../../../broker/control/access/registry.ts'
import { ensureRootToken } from '../../../../broker/control/access/root-token.ts'
import { newToken } from '../../../../broker/control/access/new-credentials.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import { parseToken } from '../../../../protocol/access/token.ts'
import { fail } from '../../../support/fail.ts'
import { FakeTime } from '../support/fake-time.ts'
import { memoryFile, type MemoryFile } from '../support/memory-file.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'

const now = () => 1_000
const log = silentLog()

const open = (rows: MemorySmallRows) => new AccessRegistry({ store: rows.open(), access: 'required', log })

async function start(rows: MemorySmallRows, file: MemoryFile): Promise<AccessRegistry> {
  const registry = open(rows)
  await ensureRootToken({ registry, file, now, log })
  return registry
}

async function createToken(registry: AccessRegistry, principal: string): Promise<string> {
  const { text, ...made } = newToken(randomBytes)
  const request = { principal, description: '', expiresAt: undefined, grants: [] }
  await registry.change(
    (state) => planCreateToken(state, request, { by: anyone, now: now() }, made, fail),
    fail,
  )
  return text
}

const proves = (policy: Policy, token: string) => {
  const verdict = policy.verify(token, now())
  return 'refused' in verdict ? undefined : verdict.credential.principal
}

describe('the token of root', () => {
  it('is made once, and is the same after a restart', async () => {
    const [rows, file] = [new MemorySmallRows(), memoryFile('root.token')]
    await start(rows, file)
    const first = file.content!
    const again = await start(rows, file)
    expect(file.content).toBe(first)
    expect([proves(again.policy, first.trim()), again.state.token.size]).toEqual(['root', 1])
  })

  it.each(['before the rows are stored', 'between the rows and the file', 'while the file is written'])(
    'is there after a crash %s',
    async (moment) => {
      const [rows, file] = [new MemorySmallRows(), memoryFile('root.token')]
      const crash = new Error('crash')
      if (moment === 'before the rows are stored') rows.isFull = true
      const crashing = { ...file, save: () => Promise.reject(crash) }
      await expect(start(rows, crashing)).rejects.toThrow(/crash|room/)
      rows.isFull = false
      const registry = await start(rows, file)
      expect(proves(registry.policy, file.content!.trim())).toBe('root')
      // What the start before has left is revoked: nobody knows its secret, but it would stand in the list.
      expect(registry.state.token.size).toBe(1)
    },
  )

  it('is made anew where its file is lost, and leaves other tokens of root alone', async () => {
    const [rows, file] = [new MemorySmallRows(), memoryFile('root.token')]
    const registry = await start(rows, file)
    const lost = file.content!.trim()
    const other = await createToken(registry, 'root')
    file.content = undefined
    const { policy } = await start(rows, file)
    expect([lost, other, file.content!.trim()].map((token) => proves(policy, token))).toEqual([
      undefined,
      'root',
      'root',
    ])
  })

  it('that was revoked is not made anew while its file is there', async () => {
    const [rows, file] = [new MemorySmallRows(), memoryFile('root.token')]
    const registry = await start(rows, file)
    const { id } = parseToken(file.content!.trim())!
    await registry.change(
      () => ({ writes: [{ family: 'token', key: id, value: undefined }], result: undefined }),
      fail,
    )
    expect((await start(rows, file)).state.token.size).toBe(0)
  })
})

describe('a start that cannot write the token of root', () => {
  const broken = { ...memoryFile('root.token'), save: () => Promise.reject(new Error('ENOSPC')) }
  const begin = (rows: MemorySmallRows, access: 'open' | 'required') =>
    openAccess({
      store: rows.open(),
      config: { access },
      rootTokenFile: broken,
      accessKeyFile: memoryFile('access.key'),
      time: new FakeTime(),
      log,
    })

  it('goes on where the broker can be used without it, and fails where it cannot', async () => {
    const rows = new MemorySmallRows()
    await begin(rows, 'open')
    await expect(begin(rows, 'required')).rejects.toThrow('ENOSPC')
    await createToken(open(rows), 'shop')
    await begin(rows, 'required')
  })
})

describe('a change', () => {
  it('is enforced after it is stored, in the order of asking, and holds after a restart', async () => {
    const rows = new MemorySmallRows()
    const registry = open(rows)
    const enforced: number[] = []
    registry.enforceBy((policy) => {
      enforced.push(policy.version)
      return Promise.resolve()
    })
    const tokens = await Promise.all(['a', 'b', 'c'].map((principal) => createToken(registry, principal)))
    expect(enforced).toEqual([2, 3, 4])
    const restarted = open(rows)
    expect(tokens.map((token) => proves(restarted.policy, token))).toEqual(['a', 'b', 'c'])
  })

  it('is answered when everything enforces it', async () => {
    const registry = open(new MemorySmallRows())
    let enforce = (): void => {}
    registry.enforceBy(() => new Promise((resolve) => (enforce = resolve)))
    let isAnswered = false
    const changing = createToken(registry, 'a').then(() => (isAnswered = true))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([isAnswered, registry.state.token.size]).toEqual([false, 1])
    enforce()
    await changing
  })

  it('for which the disk has no room changes nothing, and the next one is made', async () => {
    const rows = new MemorySmallRows()
    const registry = open(rows)
    rows.isFull = true
    await expect(createToken(registry, 'a')).rejects.toMatchObject({ code: 'storageFull' })
    expect([registry.state.token.size, registry.policy.version]).toEqual([0, 1])
    rows.isFull = false
    await createToken(registry, 'a')
    expect(registry.state.token.size).toBe(1)
  })

  it('of when a token was used is stored within a minute, and not at each use', async () => {
    const rows = new MemorySmallRows()
    const registry = open(rows)
    const { id } = parseToken(await createToken(registry, 'a'))!
    const versions: number[] = []
    for (const usedAt of [10_000, 20_000, 49_999, 50_000, 60_000]) {
      registry.used([{ id, usedAt }])
      await registry.storeUses()
      versions.push(rows.open().get('token', id)!.version)
      expect(registry.lastUsedAt('token', id)).toBe(usedAt)
    }
    expect(new Set(versions).size).toBe(2)
    expect(open(rows).lastUsedAt('token', id)).toBe(50_000)
    await registry.storeUses(0)
    expect(open(rows).lastUsedAt('token', id)).toBe(60_000)
    // It is no change of the policy.
    expect(registry.policy.version).toBe(2)
  })
})

describe('the key file of access keys', () => {
  const seal = (ring: KeyRing, id = 'MRK1') => ring.seal(id, 'secret', new Set())
  const scope = { date: '20150830', region: 'us-east-1', service: 'iam' }

  it('is made with the first access key, and derives signing keys as Signature Version 4 says', async () => {
    const file = memoryFile('access.key')
    const ring = new KeyRing(file, randomBytes)
    // The example of the specification.
    const sealed = await ring.seal('MRK1', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', new Set())
    const key = await new KeyRing(file, randomBytes).signingKey('MRK1', sealed, scope)
    expect(Buffer.from(key).toString('hex')).toBe(
      'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9',
    )
    expect(JSON.stringify(sealed)).not.toContain('EXAMPLEKEY')
  })

  it('opens a secret in its own row only, and only as it was stored', async () => {
    const ring = new KeyRing(memoryFile('access.key'), randomBytes)
    const sealed = await seal(ring)
    await expect(ring.signingKey('MRK2', sealed, scope)).rejects.toThrow(/was changed/)
    const bytes = Buffer.from(sealed.sealed, 'base64')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      const broken = { ...sealed, sealed: changed.toString('base64') }
      await expect(ring.signingKey('MRK1', broken, scope)).rejects.toThrow(/was changed/)
    }
  })

  it('that is lost, of another broker, or none is named, and no other is made in its place', async () => {
    const file = memoryFile('access.key')
    const ring = new KeyRing(file, randomBytes)
    const sealed = await seal(ring)
    const sealedBy = new Set([sealed.sealedBy])
    expect(await ring.problemWith(sealedBy)).toBeUndefined()
    const other = memoryFile('other')
    await seal(new KeyRing(other, randomBytes))
    for (const content of [undefined, other.content, 'nonsense', '']) {
      file.content = content
      expect(await ring.problemWith(sealedBy)).toMatch(/access\.key/)
      await expect(ring.signingKey('MRK1', sealed, scope)).rejects.toThrow(/accessKeyFile/)
      await expect(ring.seal('MRK2', 's', sealedBy)).rejects.toThrow(/accessKeyFile/)
      expect(file.content).toBe(content)
    }
  })
})
