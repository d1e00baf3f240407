// What a host refuses for want of a grant: batch by batch, shard by shard, and in what goes on after its answer.
import { beforeEach, describe, expect, it } from 'vitest'
import { identityOf } from '../../../../broker/access/identity.ts'
import { parseGrant } from '../../../../protocol/access/grant-text.ts'
import { errorCodeOf } from '../../../../protocol/index.ts'
import { FakeSession } from '../support/fake-session.ts'
import { rest, until } from '../support/stepped-time.ts'
import { codeOf, makeBatch, placedShard, startTestHost, STREAM, type TestHost } from '../support/test-host.ts'

const SECRETS = 8
const NOWHERE = 9

const as = (...grants: string[]) => identityOf('shop', grants.map(parseGrant), () => 0)

let host: TestHost
let session: FakeSession
let other: FakeSession
beforeEach(async () => {
  const secrets = placedShard(0, { streamId: SECRETS, streamName: 'secrets', slot: 5 })
  host = await startTestHost({ shards: [placedShard(0), secrets] })
  session = new FakeSession()
  other = new FakeSession()
})

const sent = (streamId: number, ...values: string[]) => ({
  streamId,
  shardIndex: 0,
  batch: makeBatch(values),
})

/** An answer about one stream, as one about another would be. */
const renamed = (answer: unknown, from: number, to: number): unknown =>
  JSON.parse(JSON.stringify(answer).replaceAll(`number ${from}`, `number ${to}`))

const endings = (of: FakeSession) =>
  of.sent('subscriptionEnded').map(({ code, message }) => `${errorCodeOf(code)}: ${message}`)

describe('append', () => {
  it('stores what may be written, and refuses the rest by itself, as if it were not there', async () => {
    session.identity = as('clicks:write')
    const { results } = await host.appendTo(
      session,
      sent(SECRETS, 'x'),
      sent(STREAM, 'a'),
      sent(NOWHERE, 'x'),
    )
    expect(results.map(codeOf)).toEqual(['shardNotFound', 'stored', 'shardNotFound'])
    expect(renamed(results[0], SECRETS, NOWHERE)).toEqual(renamed(results[2], NOWHERE, NOWHERE))
    expect(session.denials).toEqual(['append: secrets:write'])
    expect((await host.extents(0))[0]!.tail).toBe(1)
  })

  it('names the grant that is missing for a stream that may be seen', async () => {
    session.identity = as('clicks:read')
    const { results } = await host.append(session, makeBatch(['a']))
    expect(results.map(codeOf)).toEqual(['permissionDenied'])
    expect(results[0]!.message).toContain("'clicks:write'")
  })
})

describe('fetch', () => {
  it('reads what may be read, and refuses the rest by itself, as if it were not there', async () => {
    await host.appendTo(other, sent(STREAM, 'a'), sent(SECRETS, 'xyz'))
    session.identity = as('clicks:read')
    const shards = [SECRETS, STREAM, NOWHERE].map((streamId) => ({
      streamId,
      shardIndex: 0,
      sequenceNumber: 0,
      bytesMax: 1 << 20,
    }))
    const answer = await host.fetch(session, { shards, bytesMax: 1 << 20, waitMs: 0 })
    expect(answer.shards.map(({ code }) => code === 0)).toEqual([false, true, false])
    expect(answer.shards[0]).toEqual(answer.shards[2])
  })

  it('ends its wait when the grant is taken', async () => {
    session.identity = as('clicks:read')
    const waiting = host.fetchOne(session, 0, { waitMs: 10_000 })
    await rest()
    session.identify(as())
    expect(errorCodeOf((await waiting).code)).toBe('shardNotFound')
  })

  it('goes on waiting when another grant is taken', async () => {
    session.identity = as('clicks:read', 'views:read')
    const waiting = host.fetchOne(session, 0, { waitMs: 10_000 })
    await rest()
    session.identify(as('clicks:read'))
    await rest()
    await host.append(other, makeBatch(['a']))
    expect(await waiting).toMatchObject({ code: 0, nextSequenceNumber: 1 })
  })

  it('tells where a stream that may be seen ends no more than that a grant is missing', async () => {
    await host.append(other, makeBatch(['a', 'b']))
    session.identity = as('clicks:write')
    const shard = await host.fetchOne(session, 0)
    expect(errorCodeOf(shard.code)).toBe('permissionDenied')
    expect(shard).toMatchObject({ batches: [], tail: 0, trimHorizon: 0 })
  })
})

describe('a subscription', () => {
  it('ends when its grant is taken, as if the stream were deleted; others go on', async () => {
    session.identity = as('clicks:read', 'secrets:read')
    await host.subscribe(session)
    await host.subscribe(other)
    session.identify(as('secrets:read'))
    expect(endings(session)).toEqual(['streamNotFound: The stream was deleted.'])
    await host.append(other, makeBatch(['a']))
    await until(() => other.pushed.length === 1)
    expect(session.pushed).toEqual([])
    expect(endings(other)).toEqual([])
  })

  it('ends with the missing grant where the stream may still be seen', async () => {
    session.identity = as('clicks:read')
    await host.subscribe(session)
    session.identify(as('clicks:describe'))
    expect(endings(session)).toEqual([expect.stringMatching(/^permissionDenied: .*'clicks:read'/)])
  })

  it('goes on while its grant lasts, whatever else changes', async () => {
    session.identity = as('clicks:read')
    await host.subscribe(session)
    session.identify(as('click*:read,write'))
    await host.append(other, makeBatch(['a']))
    await until(() => session.pushed.length === 1)
    expect(endings(session)).toEqual([])
  })

  it('does not begin where the grant was taken while its start was looked for', async () => {
    session.identity = as('clicks:read')
    const beginning = host.subscribe(session)
    session.identity = as()
    await expect(beginning).rejects.toMatchObject({ code: 'shardNotFound' })
  })
})

describe("another principal's consumer", () => {
  const consumer = (principal: string | null) =>
    host.engine.serveConsumers({
      streamId: STREAM,
      consumers: [{ id: 1, name: 'dashboard', createdAt: principal === null ? 2 : 1, principal }],
    })
  const dashboard = { consumer: 'dashboard' }

  it('is taken only by who manages the stream', async () => {
    consumer('ops')
    session.identity = as('clicks:read')
    await expect(host.subscribe(session, dashboard)).rejects.toMatchObject({
      code: 'permissionDenied',
      message: expect.stringContaining("'clicks:manage'") as string,
    })
    session.identity = as('clicks:read,manage')
    await host.subscribe(session, dashboard)
    session.identify(as('clicks:read'))
    expect(endings(session)).toEqual([expect.stringMatching(/^permissionDenied: .*another principal/)])
  })

  it('is free to its own principal, and to all where nobody owns it', async () => {
    consumer('shop')
    session.identity = as('clicks:read')
    await host.subscribe(session, dashboard)
    consumer(null)
    other.identity = identityOf('any', [parseGrant('clicks:read')], () => 0)
    await host.subscribe(other, dashboard)
  })
})
