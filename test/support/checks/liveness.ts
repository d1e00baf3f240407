// Whether a client was left waiting: invariant 14. Pure. The scenario's deadline says how long is too long.
import type { Facts } from './facts.ts'

export function* checkEveryCallEnds({ history }: Facts) {
  for (const { outcome, records, producer } of history.appends) {
    if (outcome.type === 'pending') yield `the append of ${records[0]?.value} by ${producer} never ended`
  }
}

/** After the faults, every producer is acknowledged, and every stream follower reaches the end. */
export function* checkServiceResumes({ history }: Facts) {
  const { faultsEndedAt } = history
  if (faultsEndedAt === undefined) return
  const served = new Map<string, boolean>()
  for (const { producer, invokedAt, outcome } of history.appends) {
    if (invokedAt < faultsEndedAt) continue
    served.set(producer, (served.get(producer) ?? false) || outcome.type === 'ok')
  }
  for (const [producer, wasServed] of served) {
    if (!wasServed) yield `nothing that ${producer} sent after the faults was acknowledged`
  }
  for (const { reader, isComplete, deliveries } of history.streamReads) {
    if (!isComplete) continue
    const reached = new Map(deliveries.map(({ shard, record }) => [shard, record.sequenceNumber]))
    for (const { shard, records } of history.finals) {
      const last = records.at(-1)?.sequenceNumber
      const got = reached.get(shard)
      if (last !== undefined && (got ?? -1) < last)
        yield `${reader} got ${got === undefined ? 'nothing' : `no more than ${got}`} of ${shard}, which ends at ${last}`
    }
  }
}
