// A member of a group that is killed and stopped at any moment. Arguments: url, member id, lease in ms. It prints, at once and so
// that a kill loses nothing of it, `record SHARD EPOCH NUMBER TIME KEY VALUE` for each record that its handler gets, and `saved SHARD
// EPOCH NEXT SENT ANSWERED` for each checkpoint that is stored. Times are those of the machine's monotonic clock, which all
// processes share. The line `stop` stops it.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { connect } from '#dist/client/index.js'

const [, , url, memberId, leaseMs] = process.argv
const now = () => process.hrtime.bigint()

/** A full pipe is tried again: what was printed was printed before anything that follows. */
function print(text) {
  let bytes = Buffer.from(`${text}\n`)
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

/** The broker may be starting again at this moment. */
async function connected() {
  for (;;) {
    try {
      return await connect(url, { retry: { backoffMinMs: 5, backoffMaxMs: 100 } })
    } catch (error) {
      if (error.code !== 'unavailable') throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const client = await connected()
const group = client.group({
  stream: 'clicks',
  name: 'soak',
  memberId,
  leaseMs: Number(leaseMs),
  checkpoint: 'manual',
  batchRecordsMax: 8,
  onEvent: ({ type, shardId = '', epoch = '' }) => print(`event ${type} ${shardId} ${epoch}`),
})
createInterface({ input: process.stdin }).on('line', () => {
  void group.stop().then(() => client.close())
})
await group.run(async (records, context) => {
  const { shardId, epoch } = context
  if (records.length === 0) return
  const lines = records.map(
    ({ sequenceNumber, partitionKey, data }) =>
      `record ${shardId} ${epoch} ${sequenceNumber} ${now()} ${partitionKey} ${Buffer.from(data)}`,
  )
  print(lines.join('\n'))
  const sentAt = now()
  try {
    await context.checkpoint()
  } catch {
    // The lease is lost: another member has the shard.
    return
  }
  print(`saved ${shardId} ${epoch} ${records.at(-1).sequenceNumber + 1} ${sentAt} ${now()}`)
})
print('stopped')
