// Tests the integrity check: damage of every kind is planted in a sound directory, and must be found under its name.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { Environment } from '../../../broker/storage/environment.ts'
import { Findings } from '../../../broker/storage/checks/findings.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import {
  decodeRow,
  encodeKey,
  encodeRow,
  type HeadRow,
  type ProducerRow,
} from '../../../broker/storage/rows/key-space.ts'
import { parseSegmentName, segmentPath } from '../../../broker/storage/segments/segment-name.ts'
import { writeManifest } from '../../../broker/storage/segments/manifest.ts'
import {
  arrivalTimeAt,
  BATCH_HEADER_BYTES,
  baseSequenceNumberAt,
  batchOffsets,
  bodyCrcOf,
  stampBatch,
} from '../../../protocol/batch/batch.ts'
import { copyAsTarget } from '../../support/disk/replaced-segments.ts'
import { flipped, segmentName, test, type StorageFixture } from '../../support/disk/storage.ts'

const SLOT = 1
const PRODUCER = 7

/** At least three segments: two sealed, with a producer's batches one second apart. */
async function fill(storage: StorageFixture): Promise<readonly string[]> {
  let now = 0
  const owner = await storage.openOwner({ segmentBytes: 100_000, now: () => (now += 1000) })
  await owner.open(SLOT, 2)
  for (let i = 0; i < 8; i++) {
    await owner.put(SLOT, ['x'.repeat(20_000)], { producerId: PRODUCER, firstSequence: i })
  }
  await owner.put(2, ['idle since'])
  const { segments } = owner.list
  expect(segments.length).toBeGreaterThanOrEqual(3)
  await storage.closeOwners()
  return segments
}

const sealedAs = (name: string) => ({ ...parseSegmentName(name)!, bytes: 0, sealedAt: 0 })

const changeHead =
  (slot: number, change: (head: HeadRow) => Partial<HeadRow>) => (environment: Environment) => {
    const key = encodeKey('head', slot)
    const head = decodeRow('head', key, environment.get(key)!)!
    return { key, value: encodeRow('head', key, { ...head, ...change(head) }) }
  }

const changeProducer = (change: (row: ProducerRow) => ProducerRow) => (environment: Environment) => {
  const key = encodeKey('producer', SLOT, PRODUCER)
  const row = decodeRow('producer', key, environment.get(key)!)!
  return { key, value: encodeRow('producer', key, change(row)) }
}

function headOf(environment: Environment): HeadRow {
  const key = encodeKey('head', SLOT)
  return decodeRow('head', key, environment.get(key)!)!
}

const indexKey = (environment: Environment) => encodeKey('time', SLOT, headOf(environment).firstArrival)

/** The middle segment's first batch of the shard. */
function firstBatch(environment: Environment): Uint8Array {
  return encodeKey('batch', SLOT, headOf(environment).first)
}

const planted: Record<
  string,
  {
    change: (environment: Environment) => { key: Uint8Array; value?: Uint8Array }
    found: RegExp
    /** 'damaged' by default. */
    kind?: string
  }
> = {
  'a bit of a batch': {
    change: (environment) => {
      const key = firstBatch(environment)
      const value = environment.get(key)!
      value[5000]! ^= 4
      return { key, value }
    },
    found: /do not match its checksum/,
  },
  'records that a producer signed and no reader can take apart': {
    change: (environment) => {
      const key = firstBatch(environment)
      const value = Buffer.from(environment.get(key)!)
      value.writeUInt32LE(1, BATCH_HEADER_BYTES)
      value.writeUInt32LE(bodyCrcOf(value), batchOffsets.bodyCrc)
      stampBatch(value, baseSequenceNumberAt(value, 0), arrivalTimeAt(value, 0))
      return { key, value }
    },
    found: /Its producer wrote it so that no reader can take it apart\. Record 0 of 1: its parts do not fit/,
    kind: 'malformed',
  },
  'a batch that is gone': {
    change: (environment) => ({ key: firstBatch(environment) }),
    found: /batches is|first is/,
  },
  'a batch without a head': { change: () => ({ key: encodeKey('head', SLOT) }), found: /no head/ },
  "a head's next number": { change: changeHead(SLOT, ({ next }) => ({ next: next + 1 })), found: /next is/ },
  "a head's bytes": { change: changeHead(SLOT, ({ bytes }) => ({ bytes: bytes - 1 })), found: /bytes is/ },
  "a head's last arrival": {
    change: changeHead(SLOT, ({ lastArrival }) => ({ lastArrival: lastArrival + 1 })),
    found: /lastArrival is/,
  },
  "a head's trim horizon": {
    change: changeHead(SLOT, () => ({ trimHorizon: 3 })),
    found: /trimHorizon is/,
  },
  'a trim horizon above the end': {
    change: changeHead(SLOT, ({ next }) => ({ trimHorizon: next + 1 })),
    found: /above its end/,
  },
  'a closed shard that goes on': {
    change: changeHead(SLOT, () => ({ closed: 1 })),
    found: /is open again[\s\S]*It was closed at/,
  },
  'a forgotten shard that goes on': {
    change: changeHead(SLOT, () => ({ forgotten: 1 })),
    found: /came back/,
  },
  'a bit of a head': {
    change: (environment) => flipped(environment, encodeKey('head', SLOT)),
    found: /head is damaged/,
  },
  'the head of another shard': {
    change: (environment) => ({
      key: encodeKey('head', 2),
      value: environment.get(encodeKey('head', SLOT))!,
    }),
    found: /head is damaged/,
  },
  'a bit of a producer': {
    change: (environment) => flipped(environment, encodeKey('producer', SLOT, PRODUCER)),
    found: /row is damaged/,
  },
  'a bit of the time index': {
    change: (environment) => flipped(environment, indexKey(environment)),
    found: /time index at \d+ is damaged/,
  },
  'a bit of the first row': {
    change: (environment) => flipped(environment, encodeKey('segmentMeta')),
    found: /which segment it is does not match its checksum/,
  },
  'a head that is cut': {
    change: () => ({ key: encodeKey('head', SLOT), value: new Uint8Array(3) }),
    found: /head is damaged/,
  },
  'an index row that names another batch': {
    change: (environment) => {
      const key = indexKey(environment)
      return { key, value: encodeRow('time', key, { base: 999 }) }
    },
    found: /time index names batch 999/,
  },
  'an index row that is gone': {
    change: (environment) => ({ key: indexKey(environment) }),
    found: /missing from the time index/,
  },
  'an index row of a shard without batches': {
    change: () => {
      const key = encodeKey('time', 2, 5)
      return { key, value: encodeRow('time', key, { base: 0 }) }
    },
    found: /time index/,
  },
  "a producer's next number": {
    change: changeProducer((row) => ({ ...row, nextSequence: row.nextSequence + 1 })),
    found: /nextSequence is/,
  },
  "a producer's window": {
    change: changeProducer((row) => ({
      ...row,
      entries: row.entries.map((entry, i) =>
        i === row.entries.length - 1 ? { ...entry, base: entry.base + 1 } : entry,
      ),
    })),
    found: /not the one stored there/,
  },
  "a producer's checksum of a batch": {
    change: changeProducer((row) => ({
      ...row,
      entries: row.entries.map((entry) => ({ ...entry, bodyCrc: entry.bodyCrc ^ 1 })),
    })),
    found: /not the one stored there/,
  },
  'a producer of an unknown shard': {
    change: () => {
      const key = encodeKey('producer', 99, 1)
      const entries = [{ firstSequence: 0, recordCount: 1, bodyCrc: 0, base: 0, arrival: 0 }]
      return {
        key,
        value: encodeRow('producer', key, { tag: 1, epoch: 0, nextSequence: 1, usedAt: 0, entries }),
      }
    },
    found: /no head/,
  },
  'whose segment it is': {
    change: () => {
      const key = encodeKey('segmentMeta')
      const meta = { format: 4, ownerId: 0, number: 9, generation: 0, createdAt: 0, reopened: 0 }
      return { key, value: encodeRow('segmentMeta', key, meta) }
    },
    found: /it is segment-0000000009 of owner 0/,
  },
  'a key of no family': {
    change: () => ({ key: Uint8Array.of(0x7f, 1), value: new Uint8Array(1) }),
    found: /begin with 127/,
  },
}

describe('checkDataDirectory', () => {
  test('finds nothing wrong in a sound directory, and counts its content', async ({ storage }) => {
    const segments = await fill(storage)
    const progress: number[] = []
    const report = await checkDataDirectory(storage.dataDir, {
      onProgress: ({ records }) => progress.push(records),
    })
    expect(report).toMatchObject({
      ok: true,
      problems: [],
      segments: segments.length,
      batches: 9,
      records: 9,
    })
    expect(report.bytes).toBeGreaterThan(160_000)
    expect(progress.at(-1)).toBe(9)
  })

  test.for(Object.entries(planted))(
    'finds %s',
    async ([, { change, found, kind = 'damaged' }], { storage }) => {
      const segments = await fill(storage)
      await storage.tamper(segments[1]!, change)
      storage.expectedProblems = (report) => {
        expect(report.ok).toBe(false)
        expect(report.problems.map(({ what }) => what).join('\n')).toMatch(found)
        expect(report.problems.find(({ what }) => found.test(what))?.kind ?? 'damaged').toBe(kind)
        for (const { where } of report.problems) expect(where).toContain(storage.dataDir)
      }
    },
  )

  test('lists problems of each kind, however many another kind has, and the gravest kind is the verdict', () => {
    const findings = new Findings()
    for (let i = 0; i < 5000; i++) findings.problem(`batch ${i}`, 'zstd', 'codecMissing')
    for (let i = 0; i < 1001; i++) findings.problem(`batch ${i}`, 'written so', 'malformed')
    expect(findings.report()).toMatchObject({ ok: false, verdict: 'malformed' })
    findings.problem('a segment', 'damage')
    const { verdict, problems } = findings.report()
    expect(verdict).toBe('damaged')
    expect(problems[0]).toEqual({ kind: 'damaged', where: 'a segment', what: 'damage' })
    expect(problems.filter(({ where }) => where === 'the rest')).toEqual([
      { kind: 'malformed', where: 'the rest', what: '1 more problems of this kind are not listed.' },
      { kind: 'codecMissing', where: 'the rest', what: '4000 more problems of this kind are not listed.' },
    ])
  })

  test('finds a missing segment', async ({ storage }) => {
    const [first] = await fill(storage)
    await rm(segmentPath(storage.ownerDirectory(), first!), { recursive: true })
    storage.expectedProblems = ({ problems }) =>
      expect(problems).toContainEqual({
        kind: 'damaged',
        where: expect.any(String),
        what: 'The manifest names it, and it is not there.',
      })
  })

  test('finds a segment that is no environment', async ({ storage }) => {
    const [first] = await fill(storage)
    await writeFile(
      join(segmentPath(storage.ownerDirectory(), first!), 'data.mdb'),
      'not LMDB, by any means'.repeat(1000),
    )
    storage.expectedProblems = ({ problems }) =>
      expect(problems.map(({ what }) => what)).toContainEqual(expect.stringContaining('cannot be opened'))
  })

  test('finds a manifest that does not match its checksum', async ({ storage }) => {
    await fill(storage)
    await writeFile(join(storage.ownerDirectory(), 'manifest.json'), '{"format":2}')
    storage.expectedProblems = ({ problems }) =>
      expect(problems).toMatchObject([{ what: expect.stringContaining('does not match its checksum') }])
  })

  test('finds a manifest that leaves a segment out', async ({ storage }) => {
    const segments = await fill(storage)
    const sealed = segments.slice(0, -1).filter((_, i) => i !== 1)
    await writeManifest(storage.ownerDirectory(), {
      ownerId: 0,
      sealed: sealed.map(sealedAs),
      active: segments.length,
    })
    storage.expectedProblems = ({ problems }) =>
      expect(problems.map(({ what }) => what).join('\n')).toMatch(/The numbers from .* are in no segment/)
  })

  test('finds a manifest that leaves the oldest segment out', async ({ storage }) => {
    const segments = await fill(storage)
    await writeManifest(storage.ownerDirectory(), {
      ownerId: 0,
      sealed: segments.slice(1, -1).map(sealedAs),
      active: segments.length,
    })
    storage.expectedProblems = ({ problems }) =>
      expect(problems).toContainEqual({
        kind: 'damaged',
        where: expect.stringContaining(`slot ${SLOT}`),
        what: expect.stringMatching(/The numbers from 0 up to \d+ are in no segment/),
      })
  })

  test('accepts missing segments below the trim horizon, where no record is wanted', async ({ storage }) => {
    const segments = await fill(storage)
    const owner = await storage.openOwner()
    const [extent] = await owner.open(SLOT)
    await owner.trim(SLOT, extent!.tail)
    await owner.replace([segments[1]!], null)
    await storage.closeOwners()
    expect((await storage.check()).problems).toEqual([])
  })

  test("finds a compacted segment that repeats another one's records", async ({ storage }) => {
    const segments = await fill(storage)
    const second = parseSegmentName(segments[1]!)!
    const directory = storage.ownerDirectory()
    const repeated = await copyAsTarget(storage, segments[0]!, { ...second, generation: 1 })
    await rm(segmentPath(directory, segments[1]!), { recursive: true })
    await writeManifest(directory, {
      ownerId: 0,
      sealed: [segments[0]!, repeated, ...segments.slice(2, -1)].map(sealedAs),
      active: segments.length,
    })
    storage.expectedProblems = ({ problems }) => {
      const found = problems.map(({ what }) => what).join('\n')
      expect(found).toMatch(/they overlap/)
      expect(found).toMatch(/The numbers from .* are in no segment/)
    }
  })

  test('finds a segment with batches above the active one, which no start would remove', async ({
    storage,
  }) => {
    const segments = await fill(storage)
    const beyond = await copyAsTarget(storage, segments[0]!, { number: 99, generation: 0 })
    storage.expectedProblems = ({ problems }) =>
      expect(problems).toEqual([
        {
          kind: 'damaged',
          where: segmentPath(storage.ownerDirectory(), beyond),
          what: 'It holds batches, and the manifest does not name it.',
        },
      ])
  })

  test('ignores what a start removes', async ({ storage }) => {
    const segments = await fill(storage)
    await copyAsTarget(storage, segments[0]!)
    await mkdir(join(storage.ownerDirectory(), 'segment-0000000002-1.temporary'))
    await mkdir(segmentPath(storage.ownerDirectory(), segmentName(99)))
    expect((await storage.check()).problems).toEqual([])
  })

  test('refuses a directory that is no data directory, instead of calling it sound', async ({ storage }) => {
    await fill(storage)
    await expect(checkDataDirectory(storage.ownerDirectory())).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('is no data directory of millrace'),
    })
  })

  test('refuses a directory that is in use, and a missing one', async ({ storage }) => {
    await storage.openOwner()
    await expect(storage.check()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('in use'),
    })
    await expect(checkDataDirectory(join(storage.dataDir, 'nowhere'))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('does not exist'),
    })
  })
})
