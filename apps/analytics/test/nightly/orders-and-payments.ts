// Orders and their payments, by a seed, out of order. Pure.
import { randomOf } from '../../../../test/support/random.ts'
import { at, type CaseRecord, type CaseStream } from '../support/dialect/case.ts'

/** By how much rows come late at most. */
export const OUT_OF_ORDER_MS = 60_000

const ORDERS = 20_000
const PAYMENTS = 12_000
const HOURS_MS = 6 * 3_600_000
const LATEST_PAYMENT_MS = 90 * 60_000

/** The streams of a seed: rows in the order in which they come, up to a minute behind others; some values are missing. */
export function ordersAndPayments(seed: number): Readonly<Record<string, CaseStream>> {
  const random = randomOf(seed)
  const begin = Date.parse(at('08:00'))
  const inOrderOfComing = (rows: readonly { readonly ms: number; readonly row: CaseRecord }[]) =>
    rows
      .map(({ ms, row }) => ({ comes: ms + random.below(OUT_OF_ORDER_MS), row }))
      .sort((a, b) => a.comes - b.comes)
      .map(({ row }) => row)
  const ts = (ms: number) => new Date(begin + ms).toISOString()
  const orders = Array.from({ length: ORDERS }, (_, id) => {
    const ms = random.below(HOURS_MS)
    const user = `user-${Math.floor(40 * random.next() ** 2)}`
    const amount = random.below(10) === 0 ? null : 1 + random.below(100)
    const price = random.below(10_000) / 100
    return {
      ms,
      row: { id, ts: ts(ms), user_id: user, product: `product-${random.below(12)}`, amount, price },
    }
  })
  const payments = Array.from({ length: PAYMENTS }, () => {
    const { ms, row } = random.pick(orders)
    const paid = ms + random.below(LATEST_PAYMENT_MS)
    const order = random.below(20) === 0 ? ORDERS + random.below(100) : row.id
    return { ms: paid, row: { order_id: order, ts: ts(paid), means: random.pick(['card', 'cash']) } }
  })
  return {
    orders: {
      columns: {
        id: 'BIGINT',
        ts: 'TIMESTAMP',
        user_id: 'VARCHAR',
        product: 'VARCHAR',
        amount: 'BIGINT',
        price: 'DECIMAL(10, 2)',
      },
      records: inOrderOfComing(orders),
    },
    payments: {
      columns: { order_id: 'BIGINT', ts: 'TIMESTAMP', means: 'VARCHAR' },
      records: inOrderOfComing(payments),
    },
  }
}
