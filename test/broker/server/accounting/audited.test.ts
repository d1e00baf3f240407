// What the server writes down of the requests that it serves and refuses.
import { afterEach, describe, expect, it } from 'vitest'
import type { AuditFacts } from '../../../../broker/telemetry/audit/audit.ts'
import { noteBefore } from '../../../../broker/telemetry/audit/changes.ts'
import { MillraceError, type RequestOf } from '../../../../protocol/index.ts'
import { rejectionOf } from '../../../support/rejection.ts'
import { clicks, serving, type Serving } from '../serving.ts'

let home: Serving | undefined
afterEach(() => home?.server.close())

const TOKEN = `mr_${'A'.repeat(16)}_${'s'.repeat(43)}`
const nothing = {
  shardCount: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  mode: undefined,
  shardLimits: undefined,
  scaling: undefined,
}

function trail() {
  const events: ({ event: string } & AuditFacts)[] = []
  return {
    events,
    audit: { record: (event: string, facts: AuditFacts) => void events.push({ event, ...facts }) },
  }
}

describe('audited requests', () => {
  it('are written down when they are done: who, what, and from what to what', async () => {
    const { events, audit } = trail()
    home = serving<'updateStream'>(
      {
        updateStream: (request) => {
          noteBefore(request, { retentionMs: 1 })
          return { stream: clicks }
        },
      },
      { audit },
    )
    const connection = await home.connect()
    const request = {
      ...nothing,
      name: 'clicks',
      retentionMs: 3_600_000,
    } as unknown as RequestOf<'updateStream'>
    await connection.request('updateStream', request)
    expect(events).toEqual([
      {
        event: 'streamUpdated',
        principal: undefined,
        address: 'in process',
        session: 1,
        operation: 'updateStream',
        resource: 'clicks',
        outcome: 'done',
        from: { retentionMs: 1 },
        to: { retentionMs: 3_600_000 },
      },
    ])
  })

  it('are written down with the error that was answered, and no others are', async () => {
    const { events, audit } = trail()
    home = serving<'deleteStream' | 'describeStream'>(
      {
        deleteStream: (_, { fail }) => fail('streamNotFound', 'There is none.'),
        describeStream: () => ({ stream: clicks }),
      },
      { audit },
    )
    const connection = await home.connect()
    await connection.request('describeStream', { name: 'clicks' })
    await rejectionOf(connection.request('deleteStream', { name: 'gone', expectedId: undefined }))
    expect(events).toMatchObject([{ event: 'streamDeleted', resource: 'gone', outcome: 'streamNotFound' }])
  })

  it('of any kind are written down where they are denied, without what else they asked for', async () => {
    const { events, audit } = trail()
    home = serving<'describeStream'>(
      {
        describeStream: () => {
          throw new MillraceError('permissionDenied', 'You need clicks:describe.')
        },
      },
      { audit },
    )
    const connection = await home.connect()
    await rejectionOf(connection.request('describeStream', { name: 'clicks' }))
    expect(events).toEqual([
      {
        event: 'permissionDenied',
        principal: undefined,
        address: 'in process',
        session: 1,
        operation: 'describeStream',
        resource: 'clicks',
        outcome: 'permissionDenied',
      },
    ])
  })

  it('never show the secret of a token that somebody gave as a name', async () => {
    const { events, audit } = trail()
    home = serving<'deleteDocument'>(
      { deleteDocument: (_, { fail }) => fail('documentNotFound', 'There is none.') },
      { audit },
    )
    const connection = await home.connect()
    await rejectionOf(
      connection.request('deleteDocument', { kind: 'app', name: TOKEN, ifVersion: undefined } as never),
    )
    expect(events).toMatchObject([{ resource: `app/mr_${'A'.repeat(16)}_***` }])
  })
})
