// Lease tables where the broker has no room for another document: what writers are told, and what is left behind.
import { MillraceError, type Client } from 'millrace'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { leaseApi } from '../../src/leases/lease-api.ts'
import type { WireRequest } from '../../src/wire/api.ts'
import { REGION, smallBroker, type SmallBroker, type SmallEndpoint } from '../support/small-endpoint.ts'

let room: SmallBroker
let endpoint: SmallEndpoint
beforeEach(async () => {
  room = await smallBroker()
  endpoint = await room.endpoint()
})
afterEach(async () => {
  await endpoint[Symbol.asyncDispose]()
  await room[Symbol.asyncDispose]()
})

/** The client of a broker that has no room for documents that are named so. */
function fullFor(name: RegExp): Client {
  const { own } = endpoint
  return new Proxy(own, {
    get(target, member) {
      if (member !== 'documents') return Reflect.get(target, member, target) as unknown
      return (kind: string) => {
        const documents = own.documents<unknown>(kind)
        const put: typeof documents.put = (document, ...rest) => {
          if (!name.test(document)) return documents.put(document, ...rest)
          return Promise.reject(new MillraceError('limitExceeded', 'There are 10,000 documents.'))
        }
        return new Proxy(documents, {
          get: (of, called) => {
            if (called === 'put') return put
            const value = Reflect.get(of, called, of) as unknown
            return typeof value === 'function' ? (value.bind(of) as unknown) : value
          },
        })
      }
    },
  })
}

/** What is answered: `done`, or the error. */
async function serve(client: Client, operation: string, input: object): Promise<string> {
  const header = (name: string) => (name === 'x-amz-target' ? `DynamoDB_20120810.${operation}` : undefined)
  const caller = { principal: undefined, client, may: () => Promise.resolve(true) }
  const request: WireRequest = {
    head: {
      method: 'POST',
      path: '/',
      query: undefined,
      bytes: 0,
      isEncrypted: false,
      values: () => [],
      header,
    },
    body: Buffer.from(JSON.stringify(input)),
    requestId: 'request',
    signal: new AbortController().signal,
    authenticate: () => Promise.resolve({ caller, region: REGION }),
  }
  const answer = await leaseApi(endpoint).serve(request)
  if (!('body' in answer)) throw new Error('It answers without end.')
  if (answer.status === 200) return 'done'
  const { __type } = JSON.parse(Buffer.from(answer.body).toString()) as { __type: string }
  return `${answer.status} ${__type.split('#')[1]}`
}

const TableName = 'app'
const table = {
  TableName,
  KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
}
const item = (name: string) => ({ leaseKey: { S: name } })
const put = (name: string) => ({ TableName, Item: item(name) })

it('what has no room is refused by the error that the service has for it, and is no failure', async () => {
  const full = fullFor(/./)
  expect(await serve(full, 'CreateTable', table)).toBe('400 LimitExceededException')
  expect(await serve(endpoint.own, 'CreateTable', table)).toBe('done')
  const refusal = '400 ItemCollectionSizeLimitExceededException'
  expect(await serve(full, 'PutItem', put('a'))).toBe(refusal)
  expect(await serve(full, 'UpdateItem', { TableName, Key: item('a') })).toBe(refusal)
  expect(await serve(full, 'TransactWriteItems', { TransactItems: [{ Put: put('a') }] })).toBe(refusal)
})

it('a transaction of which one write has no room leaves the items of the others free at once', async () => {
  await serve(endpoint.own, 'CreateTable', table)
  await serve(endpoint.own, 'PutItem', put('a'))
  const both = { TransactItems: [{ Delete: { TableName, Key: item('a') } }, { Put: put('b') }] }
  expect(await serve(fullFor(/b$/), 'TransactWriteItems', both)).toBe(
    '400 ItemCollectionSizeLimitExceededException',
  )
  // The clock stands still: nothing has run out meanwhile.
  const Expected = { leaseKey: { Value: { S: 'a' } } }
  expect(await serve(endpoint.own, 'PutItem', { ...put('a'), Expected })).toBe('done')
  expect(await serve(endpoint.own, 'PutItem', put('b'))).toBe('done')
})
