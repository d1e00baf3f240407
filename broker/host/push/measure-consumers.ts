// Sets the gauges of registered consumers, just before a host's metrics are collected. Host main thread.
import type { Instruments } from '../../telemetry/instruments.ts'
import type { ConsumerSeat } from './consumer-seat.ts'

const standings = ['caughtUp', 'reading', 'waitingForCredit', 'slowReader', 'throttled'] as const

/** Counts the live subscriptions by what they wait for, and finds the one that is furthest behind. */
export function measureConsumers(
  seats: Iterable<ConsumerSeat>,
  metrics: Pick<Instruments, 'millrace_consumer_shards' | 'millrace_consumer_records_behind_max'>,
): void {
  const counts = new Map<string, number>()
  let most = 0
  for (const { live, shard } of seats) {
    if (live === undefined) continue
    counts.set(live.standing, (counts.get(live.standing) ?? 0) + 1)
    most = Math.max(most, shard.tail - Math.max(live.next, shard.trimHorizon))
  }
  for (const standing of standings) metrics.millrace_consumer_shards.set(counts.get(standing) ?? 0, standing)
  metrics.millrace_consumer_records_behind_max.set(most)
}
