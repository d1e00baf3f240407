// Storage for tests: an owner in a temporary directory, on a disk that fails on demand. Every test that uses it ends by
// closing what it opened and checking the whole directory's integrity.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { errorCodeOf, type ErrorCode } from '../../../protocol/error-codes.ts'
import { BatchBuilder } from '../../../protocol/batch/batch-builder.ts'
import { hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import { readRecords } from '../../../protocol/batch/record.ts'
import { ENTRY_FIELDS, RESULT_FIELDS } from '../../../broker/threads/append-fields.ts'
import type {
  OwnerNotice,
  OwnerOptions,
  SegmentList,
  ShardExtent,
} from '../../../broker/threads/owner-contract.ts'
import type { ReadReply } from '../../../broker/threads/reader-contract.ts'
import {
  CommitFailed,
  openLmdb,
  type Environment,
  type EnvironmentOptions,
  type OpenEnvironment,
} from '../../../broker/storage/environment.ts'
import { checkDataDirectory, type IntegrityReport } from '../../../broker/storage/integrity.ts'
import { openOwner, type Owner, type OwnerParts } from '../../../broker/storage/owner.ts'
import { formatSegmentName, segmentPath } from '../../../broker/storage/segments/segment-name.ts'
import { inlineSegmentReader } from '../../../broker/storage/segment-reader.ts'

export interface BatchOptions {
  readonly values?: readonly string[]
  readonly producerId?: number
  readonly epoch?: number
  readonly firstSequence?: number
}

/** Encodes a batch as a producer does. */
export function batchOf({
  values = ['a'],
  producerId = 0,
  epoch = 0,
  firstSequence = 0,
}: BatchOptions = {}): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 12 * 1024 * 1024 })
  const hashKey = new Uint32Array(4)
  for (const value of values) {
    hashPartitionKey(value.slice(0, 8), hashKey, 0)
    const added = builder.tryAdd(
      { partitionKey: value.slice(0, 8) || 'k', data: Buffer.from(value) },
      hashKey,
      0,
    )
    expect(added).toBe(true)
  }
  return builder.finish({ producerId, producerEpoch: epoch, firstProducerSequence: firstSequence })
}

export interface Appended {
  /** 'stored', or the error code. */
  readonly code: 'stored' | ErrorCode
  readonly base: number
  readonly arrival: number
  readonly duplicate: boolean
}

/** A batch for a shard, with the producer tag that its session has proven. By default it has no holder or address. */
export interface AppendedBatch {
  readonly slot: number
  readonly batch: Uint8Array
  readonly tag?: number
  readonly holder?: number
  readonly address?: number
}

/** An owner and a reader of its segments, with plain values. */
export class TestOwner {
  readonly notices: OwnerNotice[] = []
  readonly #owner: Owner
  readonly #now: () => number
  readonly #reader
  #list!: SegmentList
  #isClosed = false

  constructor(owner: Owner, openEnvironment: OpenEnvironment, now: () => number = Date.now) {
    this.#owner = owner
    this.#now = now
    this.#reader = inlineSegmentReader({ openEnvironment, environmentsMax: 4 })
    owner.onNotice((notice) => {
      this.notices.push(notice)
      if (notice.notice === 'segments') this.#list = notice.list
    })
  }

  get list(): SegmentList {
    return this.#list
  }

  async open(...slots: number[]): Promise<readonly ShardExtent[]> {
    const shards = slots.map((slot) => ({ slot, startingSequenceNumber: 0 }))
    return (await this.#owner.handlers.open({ shards })).extents
  }

  async openAt(slot: number, startingSequenceNumber: number): Promise<ShardExtent> {
    return (await this.#owner.handlers.open({ shards: [{ slot, startingSequenceNumber }] })).extents[0]!
  }

  async forget(...slots: number[]): Promise<void> {
    await this.#owner.handlers.forget({ slots })
  }

  async seal(...slots: number[]): Promise<readonly ShardExtent[]> {
    return (await this.#owner.handlers.seal({ slots })).extents
  }

  async trim(slot: number, trimHorizon: number): Promise<void> {
    await this.#owner.handlers.trim({ horizons: [{ slot, trimHorizon }] })
  }

  wanted() {
    return this.#owner.handlers.wanted(null)
  }

  async roll(): Promise<boolean> {
    return (await this.#owner.handlers.roll(null)).rolled
  }

  async replace(sources: readonly string[], target: string | null): Promise<void> {
    await this.#owner.handlers.replaceSegments({ sources, target })
  }

  stats() {
    return this.#owner.handlers.stats(null)
  }

  /** Appends batches in one group, as a host does in one turn. */
  async append(...batches: AppendedBatch[]): Promise<Appended[]> {
    const arena = new Uint8Array(batches.reduce((sum, { batch }) => sum + batch.length, 0))
    const entries = new Float64Array(batches.length * ENTRY_FIELDS)
    let at = 0
    for (const [i, { slot, batch, tag = 1, holder = 0, address = 0 }] of batches.entries()) {
      arena.set(batch, at)
      entries.set([slot, at, batch.length, tag, holder, address, 0], i * ENTRY_FIELDS)
      at += batch.length
    }
    const { results } = await this.#owner.handlers.append({
      arena: arena.buffer,
      entries,
      now: this.#now(),
    })
    return batches.map((_, i) => {
      const [code, baseNumber, arrival, duplicate] = results.subarray(
        i * RESULT_FIELDS,
        (i + 1) * RESULT_FIELDS,
      )
      return {
        code: code === 0 ? 'stored' : errorCodeOf(code!),
        base: baseNumber!,
        arrival: arrival!,
        duplicate: duplicate === 1,
      }
    })
  }

  /** Appends one batch of these values, and returns its outcome. */
  async put(
    slot: number,
    values: readonly string[],
    options: Omit<BatchOptions, 'values'> = {},
  ): Promise<Appended> {
    return (await this.append({ slot, batch: batchOf({ values, ...options }) }))[0]!
  }

  async read(slot: number, from: number, until: number, bytesMax = 1024 * 1024): Promise<ReadReply> {
    return this.#reader.read({ list: this.#list, slot, from, until, bytesMax })
  }

  /** All values of a shard from a number on, in order, as `number=value`. */
  async values(slot: number, until: number, from = 0): Promise<string[]> {
    const values: string[] = []
    for (let next = from; next < until;) {
      const reply = await this.read(slot, next, until, 4096)
      expect(reply.damage).toBeUndefined()
      expect(reply.next).toBeGreaterThan(next)
      values.push(...valuesIn(reply, next))
      next = reply.next
    }
    return values
  }

  async seek(slot: number, timestamp: number, until: number): Promise<number> {
    return (await this.#reader.seek({ list: this.#list, slot, timestamp, until })).sequenceNumber
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all([this.#owner.handlers.close(null), this.#reader.close()])
  }
}

/** The records of a reply, as `number=value`. */
export function valuesIn({ buffer, lengths }: ReadReply, from = 0): string[] {
  let at = 0
  const values: string[] = []
  for (const length of lengths) {
    for (const record of readRecords(new Uint8Array(buffer, at, length), { from })) {
      values.push(`${record.sequenceNumber}=${Buffer.from(record.data).toString()}`)
    }
    at += length
  }
  return values
}

/** A fault of a commit: it fails with nothing stored, or it fails after everything was stored. */
export type CommitFault = 'nothing stored' | 'stored unnoticed'

/** Opens real environments, and makes them fail, wait or return wrong bytes on demand. */
export class FaultyDisk {
  /** Paths of the environments opened so far. */
  readonly opened: string[] = []
  /** Faults of the next commits, in order. */
  readonly faults: CommitFault[] = []
  /** Chooses a commit's fault by its environment's directory. If it returns undefined, the list above decides. */
  onCommit: ((path: string) => CommitFault | undefined) | undefined
  /** Error number of injected faults: 5 is EIO, 28 ENOSPC. */
  errno = 5
  /** While true, opening fails. */
  refusesToOpen = false
  /** Replaces the values that reads return. */
  onRead: ((key: Uint8Array, value: Uint8Array) => Uint8Array) | undefined
  #gate: Promise<void> | undefined
  #lift: (() => void) | undefined

  /** Makes commits wait until `release`, like a slow flush. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#lift = resolve
    })
  }

  release(): void {
    this.#lift?.()
    this.#gate = undefined
  }

  readonly open: OpenEnvironment = async (options: EnvironmentOptions) => {
    if (this.refusesToOpen) throw new Error('EIO: opening was made to fail')
    this.opened.push(options.path)
    return this.#wrap(await openLmdb(options), options.path)
  }

  #wrap(inner: Environment, path: string): Environment {
    const read = (key: Uint8Array, value: Uint8Array | undefined) =>
      value && this.onRead ? this.onRead(key, value.slice()) : value
    return {
      commit: async (write, size) => {
        await this.#gate
        const fault = this.onCommit?.(path) ?? this.faults.shift()
        if (fault !== 'nothing stored') await inner.commit(write, size)
        if (fault !== undefined) throw new CommitFailed('a commit was made to fail', this.errno)
      },
      reserve: (size) => inner.reserve(size),
      get: (key) => read(key, inner.get(key)),
      peek: (key) => read(key, inner.peek(key)),
      rows: (range, limit) => inner.rows(range, limit),
      keys: (range, limit) => inner.keys(range, limit),
      keyAtOrBefore: (key, lowest) => inner.keyAtOrBefore(key, lowest),
      refresh: () => inner.refresh(),
      bytesUsed: () => inner.bytesUsed(),
      close: () => inner.close(),
    }
  }
}

/** A segment's directory name. */
export function segmentName(number: number, generation = 0): string {
  return formatSegmentName({ number, generation })
}

/** A copy of the row with one bit flipped. */
export function flipped(
  environment: Environment,
  key: Uint8Array,
  bit = 9,
): { key: Uint8Array; value: Uint8Array } {
  const value = environment.get(key)!
  value[bit >> 3]! ^= 1 << (bit & 7)
  return { key, value }
}

/** A temporary data directory, and what is open in it. */
export class StorageFixture {
  readonly dataDir: string
  readonly disk = new FaultyDisk()
  /** Inspects what the check at the end of the test finds; undefined if it must find nothing. */
  expectedProblems: ((report: IntegrityReport) => void) | undefined
  readonly #owners: TestOwner[] = []

  constructor(dataDir: string) {
    this.dataDir = dataDir
  }

  ownerDirectory(ownerId = 0): string {
    return join(this.dataDir, 'owners', String(ownerId).padStart(4, '0'))
  }

  async openOwner(options: Partial<OwnerOptions> & OwnerParts = {}): Promise<TestOwner> {
    const ownerId = options.ownerId ?? 0
    const owner = await openOwner({
      ownerId,
      directory: this.ownerDirectory(ownerId),
      segmentBytes: 16 * 1024 * 1024,
      freeSpaceFloorBytes: 0,
      openEnvironment: this.disk.open,
      ...options,
    })
    const opened = new TestOwner(owner, this.disk.open, options.now)
    this.#owners.push(opened)
    return opened
  }

  async closeOwners(): Promise<void> {
    this.disk.release()
    for (const owner of this.#owners.splice(0)) await owner.close()
  }

  /** Changes one row of a closed segment outside storage; removes the row if no value is given. */
  async tamper(
    segment: string,
    change: (environment: Environment) => { key: Uint8Array; value?: Uint8Array },
  ): Promise<void> {
    const path = segmentPath(this.ownerDirectory(), segment)
    const environment = await openLmdb({ path, mapBytes: 1 << 28, readOnly: false })
    const { key, value } = change(environment)
    await environment.commit((writer) => (value ? writer.put(key, value) : writer.remove(key)))
    await environment.close()
  }

  async check(): Promise<IntegrityReport> {
    return checkDataDirectory(this.dataDir)
  }
}

/** Vitest's `test` with storage in a temporary directory, checked for integrity after the test. */
export const test = base.extend<{ storage: StorageFixture }>({
  // eslint-disable-next-line no-empty-pattern -- vitest reads a fixture's dependencies from this pattern
  storage: async ({}, use) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-storage-'))
    const storage = new StorageFixture(dataDir)
    try {
      await use(storage)
      await storage.closeOwners()
      const report = await storage.check()
      if (storage.expectedProblems) storage.expectedProblems(report)
      else expect(report.problems).toEqual([])
    } finally {
      await storage.closeOwners()
      await rm(dataDir, { recursive: true, force: true })
    }
  },
})

/** The entry of a batch of nobody, which begins the arena, in an append at an owner thread. */
export function entryOf(slot: number, batch: Uint8Array): Float64Array {
  const entry = new Float64Array(ENTRY_FIELDS)
  entry.set([slot, 0, batch.length])
  return entry
}
