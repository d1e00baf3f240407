// Starts of owners on a disk that has no room for a new one.
import { describe, expect, test } from 'vitest'
import { Owners } from '../../../../broker/host/owners/owners.ts'
import { TailCache } from '../../../../broker/host/tail/tail-cache.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { refusal } from '../../../../protocol/refusal.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { MemoryOwner } from '../support/memory-owner.ts'
import { SteppedTime } from '../support/stepped-time.ts'
import { settings } from '../support/test-host.ts'

/** Owners 0 to 2; those of `failing` cannot be opened, for the reason beside them. */
function ownersOf(failing: Map<number, Error>) {
  const attempts: number[] = []
  const adopted: number[] = []
  const memory = [0, 1, 2].map((ownerId) => new MemoryOwner(ownerId))
  const places = [0, 1, 2].map((ownerId) => ({ ownerId, directory: `/nowhere/${ownerId}` }))
  const owners = new Owners({
    settings: { ...settings, owners: places },
    startOwner: async ({ ownerId }) => {
      attempts.push(ownerId)
      await Promise.resolve()
      const failure = failing.get(ownerId)
      if (failure) throw failure
      return memory[ownerId]!.start()
    },
    shards: { findSlot: () => undefined },
    cache: new TailCache(1 << 20),
    wakes: { mark: () => {} },
    onAdopted: ({ ownerId }) => adopted.push(ownerId),
    onSegments: () => {},
    onBroken: (error) => {
      throw error
    },
    time: new SteppedTime(),
    metrics: new CountedMetrics().instruments,
    log: silentLog(),
  })
  return { owners, attempts, adopted, memory }
}

const noRoom = () => new MillraceError('storageFull', 'There is no room on the disk.')
const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'done'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}

describe('start', () => {
  test('leaves out an owner without shards that has no room, and runs the others', async () => {
    const { owners, adopted } = ownersOf(new Map([[1, noRoom()]]))
    await owners.start(new Set([0]))
    expect(adopted).toEqual([0, 2])
    expect(owners.absent).toEqual([1])
    expect(codeOf(() => owners.of(1))).toBe('unavailable')
    expect(owners.trouble).toMatch(/owner 1 .*no room/)
    await owners.close()
  })

  test('opens the owners with shards before any other, so that these cannot take their room', async () => {
    const { owners, attempts, adopted } = ownersOf(new Map())
    await owners.start(new Set([2]))
    expect(attempts).toEqual([2, 0, 1])
    expect(adopted[0]).toBe(2)
    expect(owners.absent).toEqual([])
    expect(owners.trouble).toBeNull()
    await owners.close()
  })

  test('rejects if an owner with shards has no room, before any other owner is begun', async () => {
    const { owners, attempts } = ownersOf(new Map([[1, noRoom()]]))
    await expect(owners.start(new Set([1]))).rejects.toMatchObject({ code: 'storageFull' })
    expect(attempts).toEqual([1])
    await owners.close()
  })

  test('rejects if an owner without shards cannot be opened for any other reason', async () => {
    const { owners } = ownersOf(new Map([[1, refusal('unavailable', 'It is in use.')]]))
    await expect(owners.start(new Set([0]))).rejects.toMatchObject({ code: 'unavailable' })
    await owners.close()
  })
})

describe('startAbsent', () => {
  test('runs an owner once there is room for it', async () => {
    const failing = new Map<number, Error>([[1, noRoom()]])
    const { owners, attempts, adopted } = ownersOf(failing)
    await owners.start(new Set([0]))
    await owners.startAbsent()
    expect(owners.absent).toEqual([1])
    failing.clear()
    await Promise.all([owners.startAbsent(), owners.startAbsent()])
    expect(owners.absent).toEqual([])
    expect(adopted).toEqual([0, 2, 1])
    expect(owners.of(1).ownerId).toBe(1)
    await owners.startAbsent()
    expect(attempts).toEqual([0, 1, 2, 1, 1])
    await owners.close()
  })

  test('leaves an owner out that fails for another reason now', async () => {
    const failing = new Map<number, Error>([[1, noRoom()]])
    const { owners } = ownersOf(failing)
    await owners.start(new Set())
    failing.set(1, new Error('its directory is a file'))
    await owners.startAbsent()
    expect(owners.absent).toEqual([1])
    await owners.close()
  })

  test('is waited for by a close, which closes what it has started', async () => {
    const failing = new Map<number, Error>([[1, noRoom()]])
    const { owners, attempts, memory } = ownersOf(failing)
    await owners.start(new Set([0]))
    failing.clear()
    const started = owners.startAbsent()
    await owners.close()
    await started
    expect(memory.map(({ joined }) => joined)).toEqual([true, true, true])
    expect(attempts).toEqual([0, 1, 2, 1])
  })

  test('begins nothing once the owners are closed', async () => {
    const failing = new Map<number, Error>([[1, noRoom()]])
    const { owners, attempts } = ownersOf(failing)
    await owners.start(new Set([0]))
    await owners.close()
    failing.clear()
    await owners.startAbsent()
    expect(attempts).toEqual([0, 1, 2])
  })
})
