// A plan of a load test and what it came to, for tests of reports and thresholds.
import type { LatencySummary } from '../../../../cli/load-test/measuring/latencies.ts'
import type { LoadPlan } from '../../../../cli/load-test/load-plan.ts'
import type { LoadResult } from '../../../../cli/load-test/measuring/load-result.ts'
import { evenArrivals } from '../../../../cli/load-test/pacing/arrivals.ts'
import { parseKeys } from '../../../../cli/load-test/records/key-space.ts'
import { parseSizes } from '../../../../cli/load-test/records/record-sizes.ts'

export function loadPlan(changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    stream: 'bench-1a2b3c4d',
    newShards: 4,
    rate: { arrivals: evenArrivals(1000), text: '1,000/s' },
    sizes: parseSizes('100..2000'),
    keys: parseKeys('zipf:1000:1.2'),
    producers: 2,
    consumers: 1,
    groups: 0,
    members: 1,
    durationMs: 30_000,
    warmUpMs: 5000,
    drainMs: 30_000,
    seed: 1,
    ...changes,
  }
}

export const latencies: LatencySummary = {
  count: 1000,
  mean: 1.2,
  p50: 1,
  p90: 2,
  p99: 3,
  'p99.9': 40,
  max: 50.4,
}

export function loadResult(changes: Partial<LoadResult> = {}): LoadResult {
  const throughput = { records: 29_850, recordsPerSecond: 995, bytesPerSecond: 1_044_750 }
  return {
    isInterrupted: false,
    failure: undefined,
    measuredMs: 30_000,
    sentRecords: 1000,
    sent: throughput,
    acknowledged: throughput,
    consumed: throughput,
    groupConsumed: undefined,
    ack: latencies,
    e2e: latencies,
    group: undefined,
    delay: latencies,
    errors: 2,
    errorKinds: [{ code: 'overloaded', count: 2, message: 'The buffer is full.' }],
    lost: 0,
    duplicates: 0,
    outOfOrder: 0,
    reprocessed: 0,
    lagMax: 12,
    loopBusy: 0.42,
    steps: [],
    ...changes,
  }
}
