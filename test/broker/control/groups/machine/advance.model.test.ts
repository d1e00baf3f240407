// The group protocol under random interleavings: processes join, leave, hang and are replaced; messages are late, repeated and
// lost; shards split, merge and expire; streams are deleted and made again; the disk is full; the controller ends between any
// two rows. What must hold is checked after each change, in support/promises.ts; what must come, after a quiet time here.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GroupMessage } from '../../../../../broker/control/groups/machine/messages.ts'
import { leasesOf } from '../../../../../broker/control/groups/machine/state.ts'
import { ModelGroup } from './support/model-group.ts'
import { ModelProcess } from './support/model-process.ts'
import { must } from './support/promises.ts'

const STREAMS = ['s', 't'] as const
const LEASE_MS = 10_000
/** How many steps are taken in all: tens of thousands, always the same ones; or as many others as are asked for. */
const STEPS_ASKED = process.env['MILLRACE_GROUP_STEPS']
const STEPS = Number(STEPS_ASKED ?? 40_000)
const STEPS_OF_RUN = 200
/** Only keeps a run that hangs from hanging for ever: a million steps take some minutes. */
const DEADLINE_MS = 600_000 + STEPS

interface World {
  readonly group: ModelGroup
  readonly processes: readonly ModelProcess[]
  /** Messages on their way, each with the process that it came from. */
  readonly sent: { readonly message: GroupMessage; readonly from: ModelProcess }[]
}

function newWorld(): World {
  const group = new ModelGroup()
  group.catalog.create('s', 5)
  group.catalog.create('t', 2)
  const processes = ['a', 'b', 'c', 'd'].flatMap((memberId, place) => {
    const wanted = place === 3 ? ['s'] : [...STREAMS]
    return ['1', '2'].map((secret) => new ModelProcess(memberId, `${memberId}${secret}`, wanted))
  })
  return { group, processes, sent: [] }
}

/** Picks one of a list by a random number. */
const pick = <T>(list: readonly T[], random: number): T | undefined => list[random % Math.max(1, list.length)]

type Step = (world: World, a: number, b: number, c: number) => void

const send = (world: World, from: ModelProcess, message: GroupMessage): void => {
  world.sent.push({ message, from })
  if (world.sent.length > 30) world.sent.shift()
}

/** Now and then the controller ends after some parts of a change: what is stored then is a state like any other. */
const partsOf = (random: number): number | undefined => (random % 5 === 0 ? random % 4 : undefined)

/** Delivers messages, oldest or not; every other one stays on its way and arrives again. */
function deliver({ group, sent }: World, count: number, random: number, partsMax?: number): void {
  const taken = Array.from({ length: Math.min(count, sent.length) }, (_, place) => {
    const at = (random + place * 7) % sent.length
    return (random + place) % 2 === 0 ? sent.splice(at, 1)[0]! : sent[at]!
  })
  const answers = group.tell(
    taken.map(({ message }) => message),
    partsMax,
  )
  for (const [place, { message, from }] of taken.entries()) {
    const answer = answers[place]
    if (answer?.is === 'joined') from.life = answer.life
    // The run of the process has ended: another one takes its place.
    if (answer?.is === 'refused' && answer.code === 'groupNotFound') from.life = undefined
    if (message.type === 'sync' && (random + place) % 5 > 0) from.learn(group)
  }
}

const steps: Readonly<Record<string, { readonly weight: number; readonly step: Step }>> = {
  join: {
    weight: 4,
    step: (world, a, b) => {
      const from = pick(world.processes, a)!
      from.from = pick(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'] as const, b)!
      const message = from.join(world.group, LEASE_MS, b % 2 === 0)
      if (message.streams.length > 0) send(world, from, message)
    },
  },
  renew: {
    weight: 4,
    step: (world, a) => {
      const from = pick(world.processes, a)!
      send(world, from, { type: 'renew', ...from.claim })
    },
  },
  sync: {
    weight: 10,
    step: (world, a, b, c) => {
      const from = pick(world.processes, a)!
      const rate = c % 3 === 0 ? c % 50_000 : 0
      send(
        world,
        from,
        from.sync(({ shardIndex }) => rate * (shardIndex % 3), b % 3 > 0),
      )
    },
  },
  checkpoint: {
    weight: 12,
    step: (world, a, b, c) => {
      const from = pick(world.processes, a)!
      const held = pick(from.held, b)
      if (held === undefined) return
      const tail = world.group.catalog.tailOf(held.streamId, held.shardIndex) ?? 0
      const kinds = [
        from.checkpoint(world.group, held, c % (tail + 1)),
        from.checkpoint(world.group, held, tail),
        from.checkpoint(world.group, held, tail, true),
        from.checkpoint(world.group, held, tail, true),
        from.checkpoint(world.group, held, c % (tail + 1), true),
        from.checkpoint(world.group, held, tail + 1),
        from.checkpoint(world.group, { ...held, epoch: held.epoch - 1 }, tail),
        from.checkpoint(world.group, { ...held, epoch: held.epoch + 1 }, tail),
      ]
      send(world, from, { type: 'saveCheckpoints', ...from.claim, checkpoints: [pick(kinds, c)!] })
    },
  },
  /** A process that checkpoints what another one has, in its epoch. */
  intrude: {
    weight: 2,
    step: (world, a, b) => {
      const from = pick(world.processes, a)!
      const stream = world.group.state?.streams.get(pick(STREAMS, b)!)
      const lease = pick([...(stream?.leases.values() ?? [])], b)
      if (stream === undefined || lease === undefined) return
      const held = { ...lease, streamId: stream.streamId }
      const tail = world.group.catalog.tailOf(stream.streamId, lease.shardIndex) ?? 0
      const checkpoints = [from.checkpoint(world.group, held, tail, b % 4 === 0)]
      send(world, from, { type: 'saveCheckpoints', ...from.claim, checkpoints })
    },
  },
  leave: {
    weight: 1,
    step: (world, a) => {
      const from = pick(world.processes, a)!
      send(world, from, { type: 'leave', ...from.claim })
    },
  },
  deliver: { weight: 30, step: (world, a, b) => deliver(world, 1 + (a % 4), b) },
  crash: { weight: 2, step: (world, a, b, c) => deliver(world, 1 + (a % 4), b, c % 4) },
  restart: { weight: 1, step: ({ group }) => group.restart() },
  pass: {
    weight: 8,
    step: ({ group }, a, b) => {
      group.now += a % 4_000
      group.wall += (a % 4_000) + (b % 10 === 0 ? (b % 7_200_000) - 3_600_000 : 0)
      group.tell([{ type: 'tick' }])
    },
  },
  append: {
    weight: 8,
    step: ({ group: { catalog } }, a, b, c) => {
      const name = pick(STREAMS, a)!
      if (!catalog.streams.has(name)) return
      const shard = pick(catalog.open(name), b)!
      catalog.append(name, shard.index, 1 + (c % 5))
    },
  },
  reshard: {
    weight: 2,
    step: ({ group: { catalog } }, a, b, c) => {
      const name = pick(STREAMS, a)!
      if (!catalog.streams.has(name)) return
      const open = catalog.open(name).map(({ index }) => index)
      const isSplit = open.length < 8 && (c % 2 === 0 || open.length < 2)
      const at = b % (isSplit ? open.length : open.length - 1 || 1)
      if (isSplit) catalog.reshard(name, [open[at]!], 2)
      else if (open.length > 1) catalog.reshard(name, [open[at]!, open[at + 1]!], 1)
    },
  },
  expire: {
    weight: 2,
    step: ({ group: { catalog } }, a) => {
      const name = pick(STREAMS, a)!
      if (catalog.streams.has(name)) catalog.expire(name)
    },
  },
  recreate: {
    weight: 1,
    step: ({ group: { catalog } }, a, b) => {
      const name = pick(STREAMS, a)!
      if (b % 3 > 0) return
      if (catalog.streams.has(name)) catalog.delete(name)
      else catalog.create(name, 1 + (b % 3))
    },
  },
  reset: {
    weight: 1,
    step: ({ group }, a, b, c) => {
      const stream = pick(STREAMS, a)!
      const type = pick(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'] as const, b)!
      const pins =
        group.catalog.streams.has(stream) && type === 'LATEST' ? group.catalog.pins(stream) : undefined
      const to = { type, timestamp: type === 'AT_TIMESTAMP' ? 5 : undefined }
      group.tell([{ type: 'reset', stream, to, pins, isForced: c % 3 > 0 }], partsOf(b))
    },
  },
  delete: {
    weight: 1,
    step: ({ group }, a, b) => {
      if (a % 4 === 0) group.tell([{ type: 'delete', isForced: b % 2 === 0 }], partsOf(b))
    },
  },
  pause: {
    weight: 1,
    step: ({ group }, a) => void group.tell([{ type: 'pause', isPaused: a % 2 === 0 }]),
  },
  fill: {
    weight: 1,
    step: ({ group }, a) => {
      group.isFull = a % 3 === 0
    },
  },
  sweep: { weight: 1, step: ({ group }) => group.sweep() },
  saveProgress: {
    weight: 2,
    step: ({ group }, a, b, c) => {
      const stream = pick(STREAMS, a)!
      const [answer] = group.tell([{ type: 'loadProgress', stream }])
      const facts = group.catalog.factsOf(stream)
      if (answer?.is !== 'progress' || facts === undefined) return
      const open = group.catalog.open(stream).map(({ index }) => ({ shardIndex: index, next: undefined }))
      const first = {
        streamId: facts.streamId,
        shardsBelow: (facts.shards.lastKey() ?? -1) + 1,
        shards: open,
        from: undefined,
      }
      const progress = answer.progress ?? first
      const tailOf = (index: number): number => group.catalog.tailOf(progress.streamId, index) ?? 0
      const shards = progress.shards
        .filter(
          ({ shardIndex }) => c % 3 > 0 || facts.shards.get(shardIndex)?.state === 'OPEN' || b % 2 === 0,
        )
        .map(({ shardIndex, next }) => ({
          shardIndex,
          next: b % 5 === 4 ? c % 3 : next === undefined && b % 4 > 0 ? next : tailOf(shardIndex),
        }))
      const tails = new Map(shards.map(({ shardIndex }) => [shardIndex, tailOf(shardIndex)]))
      const isPartial = c % 2 === 0
      const saved = { ...progress, shards }
      group.tell([{ type: 'saveProgress', stream, isPartial, progress: saved, tails }], partsOf(a))
    },
  },
}

const command = fc.tuple(
  fc.oneof(...Object.entries(steps).map(([name, { weight }]) => ({ weight, arbitrary: fc.constant(name) }))),
  fc.nat(),
  fc.nat(),
  fc.nat(),
)

/** Everything works: processes that are members do what they should, for long enough. */
function quiet(world: World): void {
  const { group, processes } = world
  group.isFull = false
  world.sent.length = 0
  for (let round = 0; round < 30; round++) {
    group.now += 5_000
    for (const process of processes) {
      if (group.state?.members.get(process.memberId)?.secretHash !== process.secretHash) process.held = []
      else {
        process.learn(group)
        group.tell([process.sync(() => 0, true)])
        process.learn(group)
      }
    }
    group.tell([{ type: 'tick' }])
  }
}

function checkQuiet({ group, processes }: World): void {
  const { state } = group
  if (state === undefined) return
  for (const stream of state.streams.values()) {
    for (const lease of stream.leases.values()) {
      must(!lease.isRevoked, 'a hand-over never ends')
      must(stream.shards.has(lease.shardIndex), 'an expired shard is never released')
    }
  }
  checkBalance(group)
  const before = group.state
  const { commits } = group
  for (const process of processes) if (process.held.length > 0) group.tell([process.sync(() => 0, true)])
  for (let round = 0; round < 4; round++) {
    group.tell([{ type: 'tick' }])
    group.now += 2_000
  }
  expect(group.commits, 'nothing moves when nothing happens').toBe(commits)
  for (const memberId of before!.members.keys()) {
    expect(group.state!.members.get(memberId)?.version).toBe(before!.members.get(memberId)!.version)
  }
}

/** All shards are idle by now: where all members read the same, their numbers of shards differ by one at most. */
function checkBalance({ state }: ModelGroup): void {
  const members = [...state!.members.values()]
  const kinds = new Set(
    members.map(({ streams }) =>
      streams
        .map(({ name }) => name)
        .toSorted()
        .join(),
    ),
  )
  if (kinds.size !== 1) return
  const counts = members.map(({ memberId }) => [...leasesOf(state!, memberId)].length)
  expect(Math.max(...counts) - Math.min(...counts), `shards: ${counts.join()}`).toBeLessThanOrEqual(1)
}

describe('a consumer group', () => {
  it('keeps its promises in every interleaving, and comes to rest balanced', { timeout: DEADLINE_MS }, () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 20, maxLength: STEPS_OF_RUN, size: 'max' }), (commands) => {
        const world = newWorld()
        for (const [name, a, b, c] of commands) steps[name]!.step(world, a, b, c)
        quiet(world)
        checkQuiet(world)
      }),
      { numRuns: Math.ceil((2 * STEPS) / STEPS_OF_RUN), ...(STEPS_ASKED === undefined && { seed: 9 }) },
    )
  })
})
