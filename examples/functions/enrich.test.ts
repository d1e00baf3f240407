// A test of that handler, by the harness of the app functions: its records arrive in batches of any size, calls fail and are repeated, the app is
// restarted and shards are split, all as a seed says. What comes out must be the same.
import { fileURLToPath } from 'node:url'
import { createFunctionHarness, forSeeds, someFaults } from '@millrace/functions/harness'
import { expect, test } from 'vitest'

const module = fileURLToPath(new URL('./enrich.mjs', import.meta.url))
const orders = Array.from({ length: 100 }, (_, id) => ({ id, customer: `c${id % 9}`, price: id, count: 2 }))

test('every order comes out once, with its total, and those of a customer in their order', async () => {
  const options = {
    module,
    mapping: { to: { stream: 'enriched' }, batchSize: 10 },
    faults: someFaults,
    shards: 2,
  }
  await forSeeds({ ...options, seeds: 20 }, async (harness) => {
    harness.put(...orders.map((order) => ({ partitionKey: order.customer, data: order })))
    await harness.run()
    for (const customer of new Set(orders.map((order) => order.customer))) {
      const out = harness.output.filter(({ partitionKey }) => partitionKey === customer)
      expect(out.map(({ data }) => JSON.parse(Buffer.from(data).toString()) as unknown)).toEqual(
        orders
          .filter((order) => order.customer === customer)
          .map((order) => ({ ...order, total: order.price * 2 })),
      )
    }
  })
})

test('an order without a price is given up alone, and told to the failure destination', async () => {
  const harness = createFunctionHarness({
    module,
    mapping: {
      to: { stream: 'enriched' },
      retriesMax: 1,
      bisectsOnError: true,
      onFailure: { type: 'stream', stream: 'failed' },
    },
  })
  harness.put(
    { partitionKey: 'a', data: { id: 1, price: 2, count: 1 } },
    { partitionKey: 'a', data: { id: 2, count: 1 } },
    { partitionKey: 'a', data: { id: 3, price: 4, count: 1 } },
  )
  await harness.run()
  expect(harness.failures.map(({ KinesisBatchInfo }) => KinesisBatchInfo.batchSize)).toEqual([1])
  expect(harness.output).toHaveLength(2)
})
