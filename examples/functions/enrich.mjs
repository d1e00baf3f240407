// A handler as `millrace function create enrich --handler ./enrich.mjs` runs it: orders in, orders with their total out.

export const handler = async (event) => ({
  records: event.Records.map(({ kinesis }) => {
    const order = JSON.parse(Buffer.from(kinesis.data, 'base64').toString())
    if (!(order.price >= 0)) throw new RangeError(`order ${order.id} has no price`)
    return { partitionKey: kinesis.partitionKey, data: { ...order, total: order.price * order.count } }
  }),
})
