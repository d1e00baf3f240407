// Tests what operators see of registered consumers: nothing is wider than the screen, the most urgent reason comes first, and
// sums say what is missing in them.
import { describe, expect, it } from 'vitest'
import { consumerReport, consumerTable } from '../../../cli/output/consumer-report.ts'
import { displayWidth } from '../../../cli/output/display-width.ts'
import type { ConsumerDescription, ConsumerShard } from '../../../client/index.ts'

const pipe = { columns: undefined }
const at = new Date('2026-05-01T12:00:00Z')

function shard(index: number, fields: Partial<ConsumerShard> = {}): ConsumerShard {
  return {
    shardId: `shardId-${String(index).padStart(12, '0')}`,
    subscriber: { address: '127.0.0.1:51234', client: 'app', connectedAt: at },
    position: 1200,
    recordsBehind: 0,
    bytesBehind: 0,
    millisBehind: 0,
    recordsPerSecond: 0,
    bytesPerSecond: 0,
    reason: 'caughtUp',
    detail: 'Everything is sent.',
    ...fields,
  }
}

const waiting = {
  recordsBehind: 1204,
  bytesBehind: 131_072,
  millisBehind: 3200,
  recordsPerSecond: 400,
  bytesPerSecond: 40_000,
  reason: 'waitingForCredit',
  detail: '1,204 records wait: the reader has given no more credit.',
} as const

const absent = {
  subscriber: undefined,
  position: undefined,
  recordsBehind: undefined,
  bytesBehind: undefined,
  millisBehind: undefined,
  reason: 'notConnected',
  detail: 'Nobody has subscribed.',
} as const

function consumer(...shards: readonly ConsumerShard[]): ConsumerDescription {
  return { name: 'dashboard', createdAt: at, status: 'ACTIVE', shards }
}

describe('consumer report', () => {
  it('tells sums, shards, and the reasons, the most urgent one first', () => {
    const report = consumerReport(consumer(shard(0), shard(1, waiting), shard(2, absent), shard(3)), pipe)
    expect(report).toMatch(/^connected +3 of 4 shards$/m)
    expect(report).toMatch(
      /^behind +1,204 records, 128.0 KiB, the oldest of them 3.2 s old; and 1 shard where it is not known$/m,
    )
    expect(report).toMatch(/^1 +127\.0\.0\.1:51234 +1200 +1,204 +128.0 KiB +3.2 s +400\/s +39.1 KiB\/s$/m)
    expect(report).toMatch(/^2 +- +- +- +- +- +0\/s +0 B\/s$/m)
    const reasons = report.slice(report.indexOf('REASON')).split('\n').slice(1)
    expect(reasons.map((line) => line.split(/  +/)[0])).toEqual(['1', '2', '0, 3'])
    expect(consumerReport(consumer(), pipe)).toMatch(/^behind +nothing$/m)
  })

  it.each([40, 60, 80, 120])('is no wider than a screen of %i columns', (columns) => {
    const long = { name: 'n'.repeat(128), createdAt: at, status: 'ACTIVE' } as const
    for (const text of [
      consumerReport(consumer(shard(0, waiting), shard(1, absent)), { columns }),
      consumerTable([long], { columns }),
    ]) {
      for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
    }
  })
})
