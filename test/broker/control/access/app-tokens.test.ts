// The principals of apps, and their tokens: what is made, what is revoked, and that nobody comes to everything by a name.
import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { anyone } from '../../../../broker/access/identity.ts'
import { AppTokens } from '../../../../broker/control/access/app-tokens.ts'
import { newToken } from '../../../../broker/control/access/new-credentials.ts'
import { planCreateToken } from '../../../../broker/control/access/plans.ts'
import { AccessRegistry } from '../../../../broker/control/access/registry.ts'
import { credentialsOf } from '../../../../broker/control/access/state.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import { fail } from '../../../support/fail.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'

const now = () => 1_000
const log = silentLog()

function open(rows: MemorySmallRows) {
  const registry = new AccessRegistry({ store: rows.open(), access: 'required', log })
  return { registry, tokens: new AppTokens({ registry, now, log }) }
}

const verdict = ({ policy }: AccessRegistry, token: string) => {
  const found = policy.verify(token, now())
  return 'refused' in found ? 'refused' : found.credential.principal
}

it('a life of an app gets a token of its own, and those of its earlier lives are revoked', async () => {
  const { registry, tokens } = open(new MemorySmallRows())
  const first = await tokens.renew('kinesis')
  expect(verdict(registry, first)).toBe('app-kinesis')
  const second = await tokens.renew('kinesis')
  expect([verdict(registry, first), verdict(registry, second)]).toEqual(['refused', 'app-kinesis'])
  await tokens.revoke('kinesis')
  expect(verdict(registry, second)).toBe('refused')
})

it('what a broker left that was killed is revoked by the next one, and no other token', async () => {
  const rows = new MemorySmallRows()
  const before = open(rows)
  const left = await before.tokens.renew('kinesis')
  const other = await tokenOf(before.registry, 'app-kinesis')
  const { registry, tokens } = open(rows)
  expect(verdict(registry, left)).toBe('app-kinesis')
  await tokens.revoke()
  expect([verdict(registry, left), verdict(registry, other)]).toEqual(['refused', 'app-kinesis'])
})

it('whoever took the name before comes to nothing by it', async () => {
  const { registry, tokens } = open(new MemorySmallRows())
  const foreign = await tokenOf(registry, 'app-kinesis')
  expect(verdict(registry, foreign)).toBe('app-kinesis')
  await tokens.renew('kinesis')
  expect(verdict(registry, foreign)).toBe('refused')
  expect(credentialsOf(registry.state, 'token', 'app-kinesis')).toHaveLength(1)
})

async function tokenOf(registry: AccessRegistry, principal: string): Promise<string> {
  const { text, ...made } = newToken(randomBytes)
  const request = { principal, description: '', expiresAt: undefined, grants: [] }
  await registry.change(
    (state) => planCreateToken(state, request, { by: anyone, now: now() }, made, fail),
    fail,
  )
  return text
}
