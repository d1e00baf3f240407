// A change of shards is interrupted at each of its steps, in each way: a commit fails before or after it is stored, a host
// refuses, dies before or after its part, or restarts, the controller dies. The result is always the same.
import { describe, expect, test } from 'vitest'
import type { CatalogRow } from '../../../../broker/catalog-contract.ts'
import { hostOfOwner } from '../../../../broker/control/hosts/placement.ts'
import { checkCatalog } from '../../../../broker/storage/checks/catalog-check.ts'
import { Findings } from '../../../../broker/storage/checks/findings.ts'
import type { HeadRow } from '../../../../broker/storage/rows/key-space.ts'
import { hashKeyFromHex, hashKeyToBytes } from '../../../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { from } from '../../../support/catalog-rows.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const HOSTS = 2
const OWNERS = 3

interface Scenario {
  readonly shards: number
  readonly ask: (test: TestController) => Promise<unknown>
}

const key = (digits: string): Uint8Array => hashKeyToBytes(hashKeyFromHex(from(digits)))
const scenarios: Record<string, Scenario> = {
  'a split by the load': {
    shards: 1,
    ask: (test) => test.ask('splitShard', { name: 's', shardIndex: 0, newStartingHashKeys: [] }),
  },
  'a split in three': {
    shards: 2,
    ask: (test) =>
      test.ask('splitShard', { name: 's', shardIndex: 1, newStartingHashKeys: [key('9'), key('a')] }),
  },
  'a merge': {
    shards: 3,
    ask: (test) => test.ask('mergeShards', { name: 's', shardIndex: 2, adjacentShardIndex: 1 }),
  },
  'a growth by waves': {
    shards: 1,
    ask: (test) => test.ask('updateShardCount', { name: 's', shardCount: 5 }),
  },
  'a way up and down': {
    shards: 3,
    ask: (test) => test.ask('updateShardCount', { name: 's', shardCount: 2 }),
  },
}

type Place = 'commit' | 'call'
/** A fault, and the commit or host call at which it happens, counted from the request on. */
interface Fault {
  readonly place: Place
  readonly number: number
  readonly how: 'before' | 'after' | 'hosts restart' | 'refused' | 'controller before' | 'controller after'
}

interface Ending {
  readonly outcome: string
  readonly rows: readonly CatalogRow[]
  readonly counts: Readonly<Record<Place, number>>
  readonly hosts: FakeHosts
}

/** Sends the request, causes the fault, and waits until all is at rest; starts a new controller after the death of one. */
async function play({ shards, ask }: Scenario, fault?: Fault): Promise<Ending> {
  const catalog = new MemoryCatalog()
  const hosts = new FakeHosts()
  const setting = { hosts: HOSTS, owners: OWNERS, fakeHosts: hosts }
  const test = await TestController.open(catalog, setting)
  await test.ask('createStream', { name: 's', shardCount: shards })
  const counts = { commit: 0, call: 0 }
  const isNow = (place: Place): boolean => {
    counts[place] += 1
    return fault?.place === place && fault.number === counts[place]
  }
  catalog.beforeCommit = async () => {
    if (!isNow('commit')) return
    if (fault!.how === 'hosts restart') return restartAll(hosts)
    return fault!.how === 'after' ? true : Promise.reject(new Error('EIO'))
  }
  hosts.around = (call, host, work) => {
    if (call !== 'sealShards' && call !== 'openShards') return work()
    appendToOpenShards(catalog, hosts)
    if (!isNow('call')) return work()
    if (fault!.how === 'refused') throw new MillraceError('unavailable', 'not now')
    if (fault!.how.endsWith('after')) work()
    if (fault!.how.startsWith('controller')) test.controller.kill()
    else host.crash()
    return new Promise(() => {})
  }
  let outcome = ''
  ask(test).then(
    () => (outcome = 'done'),
    (error: MillraceError) => (outcome = error.code),
  )
  await test.time.advance(25_000)
  if (test.broken.length > 0) test.controller.kill()
  if (fault !== undefined && endsController(fault)) {
    await settled()
    const next = await TestController.open(catalog, setting)
    await next.time.advance(25_000)
    next.controller.kill()
  } else test.controller.kill()
  return { outcome, rows: catalog.open().load(), counts, hosts }
}

/** Crashes every host; each starts again with its assignment from before the commit. */
async function restartAll(hosts: FakeHosts): Promise<void> {
  const lives = hosts.lives.length
  for (let hostId = 1; hostId <= HOSTS; hostId++) hosts.host(hostId).crash()
  while (hosts.lives.length < lives + HOSTS) await settled()
  await settled()
}

/** Appends to every open shard that is not sealed, because producers do not stop for a change. */
function appendToOpenShards(catalog: MemoryCatalog, hosts: FakeHosts): void {
  for (const row of catalog.open().load()) {
    const stored = row.family === 'shard' && row.value.state === 'OPEN' && hosts.disk.get(row.value.slot)
    if (stored && !stored.closed) stored.tail += 3
  }
}

/** Returns the rows without the values that depend on time. */
function shapeOf(rows: readonly CatalogRow[]): unknown {
  return rows
    .filter((row) => row.family !== 'broker')
    .map((row) => {
      if (row.family !== 'shard') return row
      const {
        startingSequenceNumber: _first,
        endingSequenceNumber: _last,
        createdAt: _at,
        closedAt: _until,
        ...rest
      } = row.value
      return { ...row.key, ...rest }
    })
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Returns contradictions within the catalog, and between the catalog, the owners' shards, and what the hosts serve. */
function problemsOf({ rows, hosts }: Ending): string[] {
  const owners = new Map<number, Map<number, HeadRow>>()
  const unserved: string[] = []
  for (const row of rows) {
    if (row.family !== 'shard') continue
    const { slot, ownerId, startingSequenceNumber: first } = row.value
    const { tail: next, closed } = hosts.disk.get(slot) ?? { tail: first, closed: false }
    const head = {
      first,
      next,
      trimHorizon: first,
      closed: closed ? 1 : 0,
      firstArrival: 0,
      lastArrival: 0,
      bytes: 0,
      batches: 0,
      forgotten: 0,
    }
    const { hostId, slots } = hosts.host(hostOfOwner(ownerId, HOSTS))
    if (!slots.has(slot)) unserved.push(`host ${hostId} does not serve slot ${slot}`)
    owners.set(ownerId, (owners.get(ownerId) ?? new Map<number, HeadRow>()).set(slot, head))
  }
  const findings = new Findings()
  checkCatalog(rows, owners, findings)
  return [...unserved, ...findings.report().problems.map(({ where, what }) => `${where}: ${what}`)]
}

describe.each(Object.entries(scenarios))('Resharding: %s ends the same', (_, scenario) => {
  test('whatever goes wrong, at whichever step', async () => {
    const smooth = await play(scenario)
    expect(smooth.outcome).toBe('done')
    expect(problemsOf(smooth)).toEqual([])
    const wanted = shapeOf(smooth.rows)
    const unchanged = shapeOf((await play({ ...scenario, ask: () => Promise.resolve() })).rows)
    const faults = [
      ...faultsAt('commit', smooth.counts.commit, ['before', 'after', 'hosts restart']),
      ...faultsAt('call', smooth.counts.call, [
        'before',
        'after',
        'refused',
        'controller before',
        'controller after',
      ]),
    ]
    for (const fault of faults) {
      const ending = await play(scenario, fault)
      // Only a lost first commit leaves the stream unchanged.
      const isLost = fault.place === 'commit' && fault.number === 1 && fault.how === 'before'
      // The answer is `done` or `outcomeUnknown`, and never says that nothing was done.
      const outcome = endsController(fault) ? 'outcomeUnknown' : 'done'
      const { place, number, how } = fault
      const found = { outcome: ending.outcome, shape: shapeOf(ending.rows), problems: problemsOf(ending) }
      const hasHappened = ending.counts[place] >= number
      expect({ place, number, how, hasHappened, ...found }).toEqual({
        ...fault,
        hasHappened: true,
        outcome,
        shape: isLost ? unchanged : wanted,
        problems: [],
      })
    }
  })
})

function endsController({ place, how }: Fault): boolean {
  return how.startsWith('controller') || (place === 'commit' && how !== 'hosts restart')
}

function faultsAt(place: Place, count: number, ways: readonly Fault['how'][]): Fault[] {
  return Array.from({ length: count }, (_, index) =>
    ways.map((how) => ({ place, number: index + 1, how })),
  ).flat()
}
