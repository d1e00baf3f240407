// Lists and watches of documents show what may be seen: by exact names and prefixes, in order, a page at a time.
import { describe, expect, it } from 'vitest'
import { identityOf } from '../../../../broker/access/identity.ts'
import { Documents } from '../../../../broker/control/documents/documents.ts'
import { shownKeys } from '../../../../broker/control/documents/shown-documents.ts'
import { parseGrant } from '../../../../protocol/access/grant-text.ts'
import { fail } from '../../../support/fail.ts'
import { Asker } from '../../access/support/asker.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'

const as = (...grants: string[]) => identityOf('shop', grants.map(parseGrant), () => 0)

function open() {
  const ends: (() => void)[] = []
  const time = { now: () => 1, after: (_ms: number, end: () => void) => (ends.push(end), () => {}) }
  const documents = new Documents({ store: new MemorySmallRows().open(), time })
  const put = (name: string, kind = 'plans') =>
    documents.put({ kind, name, content: Buffer.from(name), expectedVersion: undefined }, fail)
  const list = (
    identity: ReturnType<typeof as>,
    more: { limit?: number; exclusiveStartName?: string; prefix?: string } = {},
  ) => {
    const request = { kind: 'plans', prefix: undefined, limit: 100, exclusiveStartName: undefined, ...more }
    const { documents: found, hasMore } = documents.list(request, identity)
    return { names: found.map(({ name }) => name), hasMore }
  }
  return { documents, put, list, ends }
}

describe('a list of documents', () => {
  it('shows what may be seen, over pages, and says that more follows only where more is shown', async () => {
    const { put, list } = open()
    for (const name of ['a', 'a1', 'b', 'c', 'c1', 'd']) await put(name)
    const who = as('document:plans/a*:read', 'document:plans/c:read', 'document:plans/d:admin')
    expect(list(who)).toEqual({ names: ['a', 'a1', 'c', 'd'], hasMore: false })
    // A list tells contents, so that it takes more than to see that a document is there.
    expect(list(as('document:plans/*:write,manage')).names).toEqual([])
    expect(list(who, { limit: 2 })).toEqual({ names: ['a', 'a1'], hasMore: true })
    expect(list(who, { limit: 2, exclusiveStartName: 'a1' })).toEqual({ names: ['c', 'd'], hasMore: false })
    expect(list(who, { prefix: 'c' })).toEqual({ names: ['c'], hasMore: false })
    expect(list(as('document:plans/*:read'), { prefix: 'c' }).names).toEqual(['c', 'c1'])
    expect(list(as('document:other/*:read', 'plans:admin'))).toEqual({ names: [], hasMore: false })
    expect(list(as('*:*:admin')).names).toHaveLength(6)
  })

  it('reads ranges in the order of the bytes of their keys', () => {
    const keys = shownKeys(['k/b*', 'k/\u{1F600}', 'k/\uFFFD', 'k/a', 'x/y'], 'k/').map(({ key }) => key)
    expect(keys).toEqual(['k/a', 'k/b', 'k/\uFFFD', 'k/\u{1F600}'])
  })
})

describe('a watch of documents', () => {
  it('tells of what may be seen alone, and nothing hidden wakes it', async () => {
    const { documents, put, ends } = open()
    await put('a')
    const { version } = await put('b')
    const session = Asker.session(as('document:plans/a*:read'))
    const context = { session, signal: new AbortController().signal }
    const watch = (after: number, maxWaitMs: number) =>
      documents.watch({ kind: 'plans', prefix: undefined, after, maxWaitMs }, context)
    const first = await watch(0, 0)
    expect(first.documents.map(({ name }) => name)).toEqual(['a'])
    let isAnswered = false
    const waiting = watch(version, 1_000).then((told) => ((isAnswered = true), told))
    await put('b')
    await documents.delete({ kind: 'plans', name: 'b', expectedVersion: undefined }, fail)
    expect(isAnswered).toBe(false)
    await put('a1')
    const told = await waiting
    expect([told.documents.map(({ name }) => name), told.deleted]).toEqual([['a1'], []])
    expect(ends).toHaveLength(1)
  })
})
