// Kinds of documents that an app may not read: said once, and again where they were seen meanwhile.
import { expect, it } from 'vitest'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import { HiddenDocuments } from '../../../client/app-process/hidden-documents.ts'

const NOW = 1_700_000_000_000

/** An app of a principal whose grants change, and that is away while they are undefined. */
async function appWith(first: readonly string[] | undefined) {
  let grants = first
  let expiresAt: Date | undefined
  let look = (): void => {}
  let isStopped = false
  const warned: string[] = []
  const describePrincipal = () => {
    if (grants === undefined) return Promise.reject(new Error('The broker is away.'))
    const held = grants.map((text) => ({ ...parseGrant(text), expiresAt }))
    const rest = { createdAt: new Date(NOW), certificateNames: [], tokens: 1, accessKeys: 0 }
    return Promise.resolve({ name: 'app', grants: held, ...rest })
  }
  const hidden = await HiddenDocuments.open({
    client: { access: { describePrincipal } },
    kinds: ['mappings', 'functions'],
    warn: (message) => warned.push(message),
    now: () => NOW,
    every: (_, run) => {
      look = run
      return () => (isStopped = true)
    },
  })
  return {
    /** What is warned of since the last time. */
    warned: () => warned.splice(0),
    async lookWith(next: readonly string[] | undefined, until?: Date) {
      grants = next
      expiresAt = until
      look()
      await new Promise(setImmediate)
    },
    async close() {
      await hidden.close()
      return isStopped
    },
  }
}

const everyOne = ['document:mappings/*:read,write', 'document:functions/*:read']
const lacks = (kind: string): unknown => expect.stringContaining(`'document:${kind}/*:read'`)

it.each([[everyOne], [['*:*:admin']], [['document:*:read']]])('says nothing with %j', async (grants) => {
  const { warned } = await appWith(grants)
  expect(warned()).toEqual([])
})

it.each([
  [[], ['mappings', 'functions']],
  [['document:mappings/*:write', 'document:functions/*:read'], ['mappings']],
  [['document:mappings/a*:read', 'document:functions/*:read'], ['mappings']],
  [['mappings/*:read', 'document:functions/*:read'], ['mappings']],
])('with %j says that %j are hidden', async (grants, kinds) => {
  const { warned } = await appWith(grants)
  expect(warned()).toEqual(kinds.map(lacks))
})

it('says it once, and anew when a grant is taken or ends that was given meanwhile', async () => {
  const { warned, lookWith } = await appWith(['document:functions/*:read'])
  expect(warned()).toEqual([lacks('mappings')])
  await lookWith(['document:functions/*:read'])
  expect(warned()).toEqual([])
  await lookWith(everyOne, new Date(NOW + 1))
  expect(warned()).toEqual([])
  await lookWith(everyOne, new Date(NOW))
  expect(warned()).toEqual([lacks('mappings'), lacks('functions')])
})

it('says nothing while the broker is away, and looks again', async () => {
  const { warned, lookWith, close } = await appWith(undefined)
  expect(warned()).toEqual([])
  await lookWith([])
  expect(warned()).toEqual([lacks('mappings'), lacks('functions')])
  expect(await close()).toBe(true)
})
