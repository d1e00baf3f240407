// Who reads which shard. Runs in the controller; pure: the same shards and members give the same plan. Unowned shards go to the
// member with the least load. A shard moves only where that brings its member clearly nearer to the others, and to the member
// that it was moved for: so each move makes loads more even, and nothing moves when nothing has happened.
// The idea is the Kinesis Client Library's (3.x: by load, beyond 10 % of the mean), without its leader.

/** Two members that are less than this part of their mean load apart are left alone. */
const APART_MIN = 0.1
/** All moves between two members together must be worth this part of their mean load. */
const WORTH_MIN = 0.05

export interface BalanceMember {
  readonly memberId: string
  /** Names of the streams that it can process. */
  readonly streams: ReadonlySet<string>
}

export interface BalanceShard {
  readonly stream: string
  readonly shardIndex: number
  /** What it costs its member, above 0: alike for all shards that are idle. */
  readonly weight: number
  readonly owner: string | undefined
  /** Its owner was told to release it. */
  readonly isRevoked: boolean
  /** It may be moved: it was not moved lately. */
  readonly isMovable: boolean
  /** The member that it is being moved to. */
  readonly movingTo: string | undefined
}

export interface BalanceOptions {
  /** Shards to assign in this plan. */
  readonly assignmentsMax: number
  /** Shards that may be on their way from one member to another. */
  readonly handOversMax: number
}

export interface BalanceMove {
  readonly shard: BalanceShard
  readonly to: string
}

export interface BalancePlan {
  readonly assignments: readonly { readonly shard: BalanceShard; readonly memberId: string }[]
  /** Shards whose owners shall release them, and whom for. */
  readonly revocations: readonly BalanceMove[]
  /** There are more unowned shards than the plan may assign. */
  readonly hasMore: boolean
}

interface Loaded {
  readonly memberId: string
  readonly streams: ReadonlySet<string>
  readonly shards: BalanceShard[]
  load: number
  /** Number of shards: decides between members of one load. */
  count: number
}

/** Plans assignments, and moves. `shards`: all that can be read now, owned or not. Members and shards may be in any order. */
export function balance(
  members: readonly BalanceMember[],
  shards: readonly BalanceShard[],
  { assignmentsMax, handOversMax }: BalanceOptions,
): BalancePlan {
  const loaded = members
    .map(({ memberId, streams }): Loaded => ({ memberId, streams, shards: [], load: 0, count: 0 }))
    .toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const byId = new Map(loaded.map((member) => [member.memberId, member]))
  for (const shard of shards) {
    if (shard.owner !== undefined && !shard.isRevoked) take(byId.get(shard.owner)!, shard)
  }
  // A shard goes to the member that it was moved for, unless that one has got more meanwhile than another would have with it.
  const receiver = ({ stream, movingTo, weight }: BalanceShard): Loaded | undefined => {
    const planned = movingTo === undefined ? undefined : byId.get(movingTo)
    const least = leastLoaded(loaded, stream)
    const isFit = planned?.streams.has(stream) === true && planned.load <= least!.load + weight
    return isFit ? planned : least
  }
  const unowned = shards.filter(({ owner }) => owner === undefined).toSorted(movedFirst)
  const assignments: { shard: BalanceShard; memberId: string }[] = []
  let hasMore = false
  for (const shard of unowned) {
    const member = receiver(shard)
    if (member === undefined) continue
    hasMore = assignments.length === assignmentsMax
    if (hasMore) break
    take(member, shard)
    assignments.push({ shard, memberId: member.memberId })
  }
  if (hasMore) return { assignments, revocations: [], hasMore }
  const handedOver = shards.filter(({ isRevoked }) => isRevoked).toSorted(movedFirst)
  // The members that get them when they are released count as loaded with them already.
  for (const shard of handedOver) {
    const member = receiver(shard)
    if (member !== undefined) take(member, { ...shard, isMovable: false })
  }
  return { assignments, revocations: moves(loaded, shards, handOversMax - handedOver.length), hasMore }
}

function take(member: Loaded, shard: BalanceShard): void {
  member.shards.push(shard)
  member.load += shard.weight
  member.count++
}

function heaviestFirst(a: BalanceShard, b: BalanceShard): number {
  if (a.weight !== b.weight) return b.weight - a.weight
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1
  return a.shardIndex - b.shardIndex
}

/** Shards that are on their way to a member, then the others, heaviest first. */
function movedFirst(a: BalanceShard, b: BalanceShard): number {
  const isMoving = ({ movingTo }: BalanceShard): number => (movingTo === undefined ? 1 : 0)
  return isMoving(a) - isMoving(b) || heaviestFirst(a, b)
}

/** The first of equals by name: the members are sorted. */
function leastLoaded(members: readonly Loaded[], stream: string, except?: Loaded): Loaded | undefined {
  let least: Loaded | undefined
  for (const member of members) {
    if (member === except || !member.streams.has(stream)) continue
    const isLess = least === undefined || member.load < least.load
    if (isLess || (member.load === least!.load && member.count < least!.count)) least = member
  }
  return least
}

/** Plans moves one by one, each on the loads that the earlier ones leave. */
function moves(
  loaded: readonly Loaded[],
  shards: readonly BalanceShard[],
  movesMax: number,
): readonly BalanceMove[] {
  const planned: BalanceMove[] = []
  // Numbers of shards do not waver as rates do: where they are all that counts, one shard too many is enough.
  const isEven = shards.every(({ weight }) => weight === shards[0]!.weight)
  while (planned.length < movesMax) {
    const move = bestMove(loaded, isEven)
    if (move === undefined) break
    const { from, to, shard } = move
    from.shards.splice(from.shards.indexOf(shard), 1)
    from.load -= shard.weight
    from.count--
    take(to, { ...shard, isMovable: false })
    planned.push({ shard, to: to.memberId })
  }
  return planned
}

interface Move {
  readonly from: Loaded
  readonly to: Loaded
  readonly shard: BalanceShard
}

/** The best move of the most loaded member that has one. */
function bestMove(loaded: readonly Loaded[], isEven: boolean): Move | undefined {
  const fullestFirst = loaded.toSorted((a, b) => b.load - a.load || b.count - a.count)
  for (const from of fullestFirst) {
    let best: (Move & { readonly gain: number }) | undefined
    for (const [stream, candidates] of movableByStream(from)) {
      const to = leastLoaded(loaded, stream, from)
      if (to === undefined) continue
      const apart = from.load - to.load
      const smaller = candidates.filter(({ weight }) => weight < apart)
      if (!isEven && !isWorthIt(from, to, smaller)) continue
      for (const shard of smaller) {
        const gain = Math.min(shard.weight, apart - shard.weight)
        if (best === undefined || gain > best.gain) best = { from, to, shard, gain }
      }
    }
    if (best !== undefined) return best
  }
  return undefined
}

function isWorthIt(from: Loaded, to: Loaded, candidates: readonly BalanceShard[]): boolean {
  const mean = (from.load + to.load) / 2
  const apart = from.load - to.load
  const movable = candidates.reduce((sum, { weight }) => sum + weight, 0)
  return apart > APART_MIN * mean && Math.min(movable, apart / 2) >= WORTH_MIN * mean
}

function movableByStream({ shards }: Loaded): ReadonlyMap<string, readonly BalanceShard[]> {
  const byStream = new Map<string, BalanceShard[]>()
  for (const shard of shards.filter(({ isMovable }) => isMovable).toSorted(heaviestFirst)) {
    const there = byStream.get(shard.stream)
    if (there === undefined) byStream.set(shard.stream, [shard])
    else there.push(shard)
  }
  return byStream
}
