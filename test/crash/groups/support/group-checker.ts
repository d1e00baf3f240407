// What a group of processes has done, compared with what it promises: nothing is left out, nothing that was checkpointed comes
// again, no two epochs of a shard checkpoint beside each other, and each key's records reach handlers in order. Pure.

export interface LoggedRecord {
  readonly shardId: string
  readonly sequenceNumber: number
  readonly key: string
  readonly value: string
}

/** All of a stream, as it was read at the end, and the lineage of its shards. */
export interface StreamLog {
  readonly records: readonly LoggedRecord[]
  readonly parents: ReadonlyMap<string, readonly string[]>
}

interface Delivery {
  readonly sequenceNumber: number
  readonly at: bigint
  readonly key: string
  readonly value: string
}

interface Saved {
  readonly next: number
  readonly sentAt: bigint
  readonly answeredAt: bigint
}

/** What happened in one epoch of one shard. */
interface EpochLog {
  readonly epoch: number
  readonly members: Set<string>
  readonly deliveries: Delivery[]
  readonly saved: Saved[]
}

/** By shard, in the order of the epochs. */
export type GroupHistory = ReadonlyMap<string, readonly EpochLog[]>

/** Takes the lines that members printed. `member` names the process. */
export function historyOf(
  printed: readonly { readonly member: string; readonly lines: readonly string[] }[],
): GroupHistory {
  const shards = new Map<string, Map<number, EpochLog>>()
  const epochOf = (shardId: string, epoch: number): EpochLog => {
    const epochs = shards.get(shardId) ?? new Map<number, EpochLog>()
    shards.set(shardId, epochs)
    const log = epochs.get(epoch) ?? { epoch, members: new Set(), deliveries: [], saved: [] }
    epochs.set(epoch, log)
    return log
  }
  for (const { member, lines } of printed) {
    for (const line of lines) {
      const [what, shardId, epoch, number, ...rest] = line.split(' ')
      if (what !== 'record' && what !== 'saved') continue
      const log = epochOf(shardId!, Number(epoch))
      log.members.add(member)
      if (what === 'record') {
        const [at, key, value] = rest
        log.deliveries.push({ sequenceNumber: Number(number), at: BigInt(at!), key: key!, value: value! })
      } else {
        const [sentAt, answeredAt] = rest.map(BigInt)
        log.saved.push({ next: Number(number), sentAt: sentAt!, answeredAt: answeredAt! })
      }
    }
  }
  const sorted = [...shards].map(
    ([shardId, epochs]) => [shardId, [...epochs.values()].toSorted((a, b) => a.epoch - b.epoch)] as const,
  )
  return new Map(sorted)
}

/** Returns a sentence for each broken promise, some of each kind. */
export function violationsOf(history: GroupHistory, log: StreamLog): readonly string[] {
  const broken: string[] = []
  const numbers = numbersByShard(log)
  for (const [shardId, epochs] of history) {
    broken.push(...checkEpochs(shardId, epochs), ...checkOrder(shardId, epochs, numbers.get(shardId) ?? []))
  }
  broken.push(...checkMissing(history, log), ...checkKeys(history), ...checkParents(history, log))
  return broken
}

function numbersByShard({ records }: StreamLog): ReadonlyMap<string, readonly number[]> {
  const byShard = new Map<string, number[]>()
  for (const { shardId, sequenceNumber } of records) {
    const numbers = byShard.get(shardId) ?? []
    byShard.set(shardId, numbers)
    numbers.push(sequenceNumber)
  }
  for (const numbers of byShard.values()) numbers.sort((a, b) => a - b)
  return byShard
}

/** One member an epoch; checkpoints rise; none of an epoch is sent and stored once a later epoch has stored one. */
function checkEpochs(shardId: string, epochs: readonly EpochLog[]): readonly string[] {
  const broken: string[] = []
  let greatest = 0
  let storedAt: bigint | undefined
  for (const { epoch, members, saved } of epochs.toReversed()) {
    if (members.size > 1) broken.push(`epoch ${epoch} of ${shardId} has members ${[...members].join(', ')}`)
    const late = saved.find(({ sentAt }) => storedAt !== undefined && sentAt > storedAt)
    if (late !== undefined) broken.push(`epoch ${epoch} of ${shardId} checkpoints beside a later one`)
    for (const { answeredAt } of saved) {
      if (storedAt === undefined || answeredAt < storedAt) storedAt = answeredAt
    }
  }
  for (const { epoch, deliveries, saved } of epochs) {
    const again = deliveries.find(({ sequenceNumber }) => sequenceNumber < greatest)
    if (again !== undefined) {
      broken.push(
        `record ${again.sequenceNumber} of ${shardId} comes again in epoch ${epoch}, below ${greatest}`,
      )
    }
    for (const { next } of saved) {
      if (next < greatest)
        broken.push(`the checkpoint of ${shardId} falls from ${greatest} to ${next} in ${epoch}`)
      greatest = Math.max(greatest, next)
    }
  }
  return broken
}

/** In an epoch each record follows the one before it in the log; what lies before its first record was delivered earlier. */
function checkOrder(
  shardId: string,
  epochs: readonly EpochLog[],
  numbers: readonly number[],
): readonly string[] {
  const broken: string[] = []
  const place = new Map(numbers.map((number, at) => [number, at]))
  let reached = 0
  for (const { epoch, deliveries } of epochs) {
    for (const [at, { sequenceNumber }] of deliveries.entries()) {
      const here = place.get(sequenceNumber)
      const before = at === 0 ? undefined : place.get(deliveries[at - 1]!.sequenceNumber)
      if (here === undefined) broken.push(`record ${sequenceNumber} of ${shardId} is in no log`)
      else if (before !== undefined && here !== before + 1) {
        broken.push(`in epoch ${epoch} of ${shardId} ${sequenceNumber} follows ${numbers[before]}`)
      } else if (here > reached) broken.push(`${shardId} passes over ${numbers[reached]} in epoch ${epoch}`)
      reached = Math.max(reached, (here ?? -1) + 1)
    }
  }
  return broken.slice(0, 3)
}

function checkMissing(history: GroupHistory, { records }: StreamLog): readonly string[] {
  const delivered = new Set<string>()
  for (const [shardId, epochs] of history) {
    for (const { deliveries } of epochs)
      for (const { sequenceNumber } of deliveries) delivered.add(`${shardId} ${sequenceNumber}`)
  }
  const missing = records.filter(
    ({ shardId, sequenceNumber }) => !delivered.has(`${shardId} ${sequenceNumber}`),
  )
  return missing.slice(0, 3).map(({ shardId, value }) => `${value} in ${shardId} was never delivered`)
}

/** When each record was delivered first. */
function firstDeliveries(
  history: GroupHistory,
): ReadonlyMap<string, Delivery & { readonly shardId: string }> {
  const first = new Map<string, Delivery & { shardId: string }>()
  for (const [shardId, epochs] of history) {
    for (const { deliveries } of epochs) {
      for (const delivery of deliveries) {
        const id = `${shardId} ${delivery.sequenceNumber}`
        const known = first.get(id)
        if (known === undefined || delivery.at < known.at) first.set(id, { ...delivery, shardId })
      }
    }
  }
  return first
}

/** In the order of their first deliveries, a key's records are in the order in which they were put. */
function checkKeys(history: GroupHistory): readonly string[] {
  const byKey = new Map<string, Delivery[]>()
  for (const delivery of firstDeliveries(history).values()) {
    const others = byKey.get(delivery.key)
    if (others === undefined) byKey.set(delivery.key, [delivery])
    else others.push(delivery)
  }
  const broken: string[] = []
  for (const [key, deliveries] of byKey) {
    const inTime = deliveries.toSorted((a, b) => (a.at < b.at ? -1 : 1)).map(({ value }) => Number(value))
    const place = inTime.findIndex((value, at) => at > 0 && value < inTime[at - 1]!)
    if (place > 0) broken.push(`of key ${key}, ${inTime[place]} is handled after ${inTime[place - 1]}`)
  }
  return broken
}

/** No record of a child is delivered before every record of its parents. */
function checkParents(history: GroupHistory, { parents }: StreamLog): readonly string[] {
  const first = new Map<string, { earliest: bigint; latest: bigint }>()
  for (const { shardId, at } of firstDeliveries(history).values()) {
    const known = first.get(shardId) ?? { earliest: at, latest: at }
    const earliest = at < known.earliest ? at : known.earliest
    first.set(shardId, { earliest, latest: at > known.latest ? at : known.latest })
  }
  const broken: string[] = []
  for (const [shardId, { earliest }] of first) {
    for (const parent of parents.get(shardId) ?? []) {
      if ((first.get(parent)?.latest ?? earliest) > earliest) {
        broken.push(`${shardId} is delivered before the last record of its parent ${parent}`)
      }
    }
  }
  return broken
}
