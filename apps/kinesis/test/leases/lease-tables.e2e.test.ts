// Lease tables over the documents of a broker in this process: what KCL does to them.
import type { Client } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ItemStore } from '../../src/leases/item-store.ts'
import {
  getItem,
  putItem,
  query,
  scan,
  transactWriteItems,
  updateItem,
} from '../../src/leases/item-operations.ts'
import type { LeaseBody, LeaseCall } from '../../src/leases/lease-call.ts'
import {
  createTable,
  deleteTable,
  describe as describeTable,
  listTables,
  updateTable,
} from '../../src/leases/table-operations.ts'
import { itemDocument } from '../../src/leases/table-names.ts'
import { smallBroker, type SmallBroker, type SmallEndpoint } from '../support/small-endpoint.ts'

let room: SmallBroker
let endpoint: SmallEndpoint
let own: Client

beforeEach(async () => {
  room = await smallBroker()
  endpoint = await room.endpoint()
  own = endpoint.own
  await createTable(call(leaseTable))
})
afterEach(async () => {
  await endpoint[Symbol.asyncDispose]()
  await room[Symbol.asyncDispose]()
})

const leaseTable = {
  TableName: 'app',
  KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
  BillingMode: 'PAY_PER_REQUEST',
}

const ownerIndex = {
  TableName: 'app',
  AttributeDefinitions: [{ AttributeName: 'leaseOwner', AttributeType: 'S' }],
  GlobalSecondaryIndexUpdates: [
    {
      Create: {
        IndexName: 'LeaseOwnerToLeaseKeyIndex',
        KeySchema: [
          { AttributeName: 'leaseOwner', KeyType: 'HASH' },
          { AttributeName: 'leaseKey', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    },
  ],
}

function call(input: LeaseBody): LeaseCall {
  return { input, client: own, region: 'eu-west-1', account: '123456789012', now: room.time.now }
}

/** The answer, whose members the test knows. */
async function answer(work: Promise<object>): Promise<Record<string, unknown>> {
  return (await work) as Record<string, unknown>
}

const key = (name: string) => ({ TableName: 'app', Key: { leaseKey: { S: name } } })

async function put(name: string, counter: number, owner?: string): Promise<void> {
  const Item = {
    leaseKey: { S: name },
    leaseCounter: { N: String(counter) },
    ...(owner !== undefined && { leaseOwner: { S: owner } }),
  }
  await putItem(call({ TableName: 'app', Item }))
}

async function itemOf(name: string): Promise<unknown> {
  return (await answer(getItem(call(key(name)))))['Item']
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  )
}

describe('a lease table', () => {
  it('is made once, described, given an index, listed and deleted with its items', async () => {
    expect(await codeOf(createTable(call(leaseTable)))).toBe('ResourceInUseException')
    await put('shardId-0', 0, 'w1')
    await updateTable(call(ownerIndex))
    const { Table } = await answer(describeTable(call({ TableName: 'app' })))
    expect(Table).toMatchObject({
      TableName: 'app',
      TableStatus: 'ACTIVE',
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      GlobalSecondaryIndexes: [{ IndexName: 'LeaseOwnerToLeaseKeyIndex', IndexStatus: 'ACTIVE' }],
    })
    expect(await listTables(call({}))).toEqual({ TableNames: ['app'] })
    await deleteTable(call({ TableName: 'app' }))
    expect(await listTables(call({}))).toEqual({ TableNames: [] })
    expect(await codeOf(describeTable(call({ TableName: 'app' })))).toBe('ResourceNotFoundException')
    await createTable(call(leaseTable))
    expect(await itemOf('shardId-0')).toBeUndefined()
  })

  it('keeps tables apart whose names begin alike', async () => {
    await createTable(call({ ...leaseTable, TableName: 'app-Coordinator' }))
    await put('shardId-0', 0)
    const { Items } = await answer(scan(call({ TableName: 'app-Coordinator' })))
    expect(Items).toEqual([])
    expect(await listTables(call({}))).toEqual({ TableNames: ['app', 'app-Coordinator'] })
  })

  it('takes keys of any length and any characters', async () => {
    const names = ['a/b', 'a%2f;b', 'ä€😀', 'x'.repeat(1000), `${'x'.repeat(999)}y`, 'new\nline', 'A', 'a']
    for (const [i, name] of names.entries()) await put(name, i)
    for (const [i, name] of names.entries()) {
      expect(await itemOf(name)).toEqual({ leaseKey: { S: name }, leaseCounter: { N: String(i) } })
    }
    const { Count } = await answer(scan(call({ TableName: 'app' })))
    expect(Count).toBe(names.length)
  })

  it('is a queue for one at a time: of many who take a lease at once, one gets it', async () => {
    await put('shardId-0', 0)
    const take = (owner: string) =>
      updateItem(
        call({
          ...key('shardId-0'),
          Expected: { leaseCounter: { Value: { N: '0' } }, leaseOwner: { Exists: false } },
          AttributeUpdates: {
            leaseCounter: { Value: { N: '1' }, Action: 'PUT' },
            leaseOwner: { Value: { S: owner }, Action: 'PUT' },
          },
          ReturnValues: 'ALL_NEW',
        }),
      )
    const codes = await Promise.all(Array.from({ length: 12 }, (_, i) => codeOf(take(`w${i}`))))
    expect(codes.filter((code) => code === 'done')).toHaveLength(1)
    expect(codes.filter((code) => code === 'ConditionalCheckFailedException')).toHaveLength(11)
    expect(await itemOf('shardId-0')).toMatchObject({
      leaseCounter: { N: '1' },
      leaseOwner: { S: `w${codes.indexOf('done')}` },
    })
  })

  it('loses no count where many add to one item', async () => {
    const add = () =>
      updateItem(
        call({
          ...key('shardId-0'),
          UpdateExpression: 'ADD leaseCounter :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      )
    await Promise.all(Array.from({ length: 8 }, add))
    expect(await itemOf('shardId-0')).toEqual({ leaseKey: { S: 'shardId-0' }, leaseCounter: { N: '8' } })
  })

  it('tells what an item was or is, and with a failed condition what it is', async () => {
    await put('shardId-0', 7, 'w1')
    const before = await itemOf('shardId-0')
    const update = (extra: LeaseBody) =>
      updateItem(
        call({
          ...key('shardId-0'),
          UpdateExpression: 'SET leaseOwner = :o',
          ExpressionAttributeValues: { ':o': { S: 'w2' }, ':7': { N: '7' }, ':8': { N: '8' } },
          ...extra,
        }),
      )
    const refused = update({
      ConditionExpression: 'leaseCounter = :8',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    await expect(refused).rejects.toMatchObject({
      code: 'ConditionalCheckFailedException',
      details: { Item: before },
    })
    expect(await update({ ConditionExpression: 'leaseCounter = :7', ReturnValues: 'UPDATED_OLD' })).toEqual({
      Attributes: { leaseOwner: { S: 'w1' } },
    })
    expect(await update({ ReturnValues: 'UPDATED_NEW' })).toEqual({ Attributes: { leaseOwner: { S: 'w2' } } })
    expect(await update({})).toEqual({})
  })

  it('is scanned in segments and in pages, each item once, and queried by an index', async () => {
    await updateTable(call(ownerIndex))
    const names = Array.from({ length: 25 }, (_, i) => `shardId-${String(i).padStart(2, '0')}`)
    for (const [i, name] of names.entries()) await put(name, i, i % 2 === 0 ? 'w0' : 'w1')
    await put('unowned', 0)
    const seen: string[] = []
    for (let Segment = 0; Segment < 3; Segment++) {
      let ExclusiveStartKey: unknown
      do {
        const page = await answer(
          scan(call({ TableName: 'app', Segment, TotalSegments: 3, Limit: 4, ExclusiveStartKey })),
        )
        for (const { leaseKey } of page['Items'] as readonly { leaseKey: { S: string } }[])
          seen.push(leaseKey.S)
        ExclusiveStartKey = page['LastEvaluatedKey']
      } while (ExclusiveStartKey !== undefined)
    }
    expect(seen.sort()).toEqual([...names, 'unowned'])
    const owned = await answer(
      query(
        call({
          TableName: 'app',
          IndexName: 'LeaseOwnerToLeaseKeyIndex',
          KeyConditionExpression: 'leaseOwner = :o',
          ExpressionAttributeValues: { ':o': { S: 'w1' } },
        }),
      ),
    )
    const keys = (owned['Items'] as readonly { leaseKey: { S: string } }[]).map(({ leaseKey }) => leaseKey.S)
    expect(keys).toEqual(names.filter((_, i) => i % 2 === 1))
  })

  it('refuses what is no request with a reason', async () => {
    for (const work of [
      getItem(call({ TableName: 'app' })),
      getItem(call({ TableName: 'app', Key: { other: { S: 'x' } } })),
      getItem(call({ TableName: 'app', Key: { leaseKey: { N: '1' } } })),
      getItem(call({ TableName: 'app', Key: { leaseKey: { S: '' } } })),
      putItem(call({ TableName: 'app', Item: { leaseKey: { S: 'x', N: '1' } } })),
      putItem(call({ TableName: 'app', Item: { leaseKey: { S: 'x' }, large: { S: 'x'.repeat(300_000) } } })),
      updateItem(
        call({
          ...key('x'),
          UpdateExpression: 'SET leaseKey = :x',
          ExpressionAttributeValues: { ':x': { S: 'y' } },
        }),
      ),
      query(call({ TableName: 'app', IndexName: 'none', KeyConditionExpression: 'a = :a' })),
      scan(call({ TableName: 'app', Segment: 3, TotalSegments: 3 })),
      transactWriteItems(call({ TransactItems: [] })),
    ]) {
      expect(await codeOf(work)).toBe('ValidationException')
    }
    expect(await codeOf(getItem(call({ ...key('x'), TableName: 'none' })))).toBe('ResourceNotFoundException')
  })
})

describe('a transaction', () => {
  const move = (from: string, to: string) =>
    transactWriteItems(
      call({
        TransactItems: [
          {
            Put: {
              TableName: 'app',
              Item: { leaseKey: { S: to } },
              ConditionExpression: 'attribute_not_exists(leaseKey)',
            },
          },
          {
            Delete: {
              ...key(from),
              ConditionExpression: 'attribute_exists(leaseKey)',
            },
          },
        ],
      }),
    )

  it('does all of its writes, or none and says why', async () => {
    await put('a', 0)
    await move('a', 'b')
    expect([await itemOf('a'), await itemOf('b')]).toEqual([undefined, { leaseKey: { S: 'b' } }])
    await put('c', 0)
    await expect(move('c', 'b')).rejects.toMatchObject({
      code: 'TransactionCanceledException',
      details: { CancellationReasons: [{ Code: 'ConditionalCheckFailed' }, { Code: 'None' }] },
    })
    expect(await itemOf('c')).toBeDefined()
    const left = await own.documents('kinesis-transactions').list().page()
    expect(left.items).toEqual([])
  })

  it('excludes others: of many that move one item, one does, and the item is in one place', async () => {
    await put('a', 0)
    const places = Array.from({ length: 8 }, (_, i) => `place-${i}`)
    const codes = await Promise.all(places.map((place) => codeOf(move('a', place))))
    const { Items } = await answer(scan(call({ TableName: 'app' })))
    const moved = codes.filter((code) => code === 'done').length
    expect(moved).toBeLessThanOrEqual(1)
    expect(Items).toHaveLength(1)
    expect(await codeOf(move(moved === 1 ? places[codes.indexOf('done')]! : 'a', 'end'))).toBe('done')
  })

  it.each(['committed', 'cancelled', 'open'] as const)(
    'that stopped midway and is %s is finished by those who find it',
    async (state) => {
      await put('a', 1)
      const store = new ItemStore(own, room.time.now)
      const name = itemDocument('app', [{ S: 'a' }])
      const before = await store.get(name)
      await store.transactions.put('t', { state, openUntil: room.time.now() + 1000 })
      const prepared = { transaction: 't', item: null }
      expect(await store.write(before, { item: before.item!, prepared })).toBe(true)
      expect(await itemOf('a')).toEqual(state === 'committed' ? undefined : before.item)
      if (state === 'open') {
        expect(await codeOf(put('a', 2))).toBe('TransactionConflictException')
        room.time.advance(1001)
      }
      const old = await answer(
        putItem(call({ TableName: 'app', Item: { leaseKey: { S: 'a' } }, ReturnValues: 'ALL_OLD' })),
      )
      expect(old).toEqual(state === 'committed' ? {} : { Attributes: before.item })
    },
  )
})
