// Sequence numbers in the layout of the service: made, read, and in order.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createdAtOf,
  endingSequenceNumber,
  kinesisSequenceNumber,
  normalSequenceNumber,
  parseKinesisSequenceNumber,
  SEQUENCE_NUMBER_END,
  SequenceNumbers,
  startingSequenceNumber,
} from '../../src/identifiers/sequence-number.ts'
import { shardIdOf } from '../../src/identifiers/shard-ids.ts'

const shard = {
  shardId: 'shardId-000000000003',
  parentShardIds: [] as string[],
  state: 'CLOSED' as const,
  hashKeyRange: { startingHashKey: '0', endingHashKey: '1' },
  startingSequenceNumber: 0,
  endingSequenceNumber: 41,
  trimHorizon: 0,
  tail: 42,
  bytes: 0,
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
  closedAt: new Date('2026-01-02T03:10:00.999Z') as Date | undefined,
  load: undefined,
}

const native = fc.maxSafeNat()
const index = fc.integer({ min: 0, max: 2 ** 31 - 1 })
const time = fc.date({ min: new Date(0), max: new Date('2400-01-01'), noInvalidDate: true })

describe('sequence numbers', () => {
  it('have the digits of the layout', () => {
    const number = kinesisSequenceNumber({
      shardIndex: 0x12,
      shardCreatedAt: new Date(0x6957_35d5 * 1000),
      sequenceNumber: 0xab_cdef,
      arrivalTime: new Date(0x6957_35d7 * 1000 + 999),
    })
    expect(number).toBe('49670459259440597596995640245044820896009548680101101858')
    expect(BigInt(number).toString(16)).toBe(
      ['2', '0695735d5', '2', '0000000000abcdf0', '00', '0695735d7', '00000012', '2'].join(''),
    )
  })

  it('give back what they were made of', () => {
    fc.assert(
      fc.property(native, index, time, time, (sequenceNumber, shardIndex, shardCreatedAt, arrivalTime) => {
        fc.pre(sequenceNumber < SEQUENCE_NUMBER_END)
        const text = kinesisSequenceNumber({ shardIndex, shardCreatedAt, sequenceNumber, arrivalTime })
        expect(text).toMatch(/^\d{56}$/)
        const created = Math.floor(shardCreatedAt.getTime() / 1000)
        expect(parseKinesisSequenceNumber(text)).toEqual({
          version: 2,
          shardIndex,
          sequenceNumber,
          shardCreatedSeconds: created,
          arrivalSeconds: Math.max(created, Math.floor(arrivalTime.getTime() / 1000)),
        })
      }),
    )
  })

  it('of one shard rise with the native numbers, whatever the times of arrival', () => {
    fc.assert(
      fc.property(native, native, index, time, time, time, (a, b, shardIndex, created, at, bt) => {
        fc.pre(a !== b)
        const numbers = new SequenceNumbers(shardIndex, created)
        const first = BigInt(numbers.of(Math.min(a, b), at.getTime()))
        expect(BigInt(numbers.of(Math.max(a, b), bt.getTime()))).toBeGreaterThan(first)
      }),
    )
  })

  it('are the same one after another as each by itself', () => {
    const runs = fc.array(fc.record({ skip: fc.nat(3), time }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(fc.maxSafeNat(), index, time, runs, (start, shardIndex, shardCreatedAt, steps) => {
        const numbers = new SequenceNumbers(shardIndex, shardCreatedAt)
        let sequenceNumber = Math.floor(start / 2)
        for (const step of steps) {
          sequenceNumber += step.skip
          // Runs at one time, as the records of a batch are.
          for (let i = 0; i < 5; i++, sequenceNumber++) {
            expect(numbers.of(sequenceNumber, step.time.getTime())).toBe(
              kinesisSequenceNumber({ shardIndex, shardCreatedAt, sequenceNumber, arrivalTime: step.time }),
            )
          }
        }
      }),
    )
  })

  it('carry into every digit in a long run', () => {
    const numbers = new SequenceNumbers(7, shard.createdAt)
    let last = BigInt(numbers.of(0, 0))
    const odd = []
    for (let i = 1; i < 50_000; i++) {
      const next = BigInt(numbers.of(i, 0))
      if (next - last !== 1n << 80n) odd.push(i)
      last = next
    }
    expect(odd).toEqual([])
  })
})

describe('the numbers at which a shard begins and ends', () => {
  it('enclose those of all its records', () => {
    fc.assert(
      fc.property(
        native,
        index,
        fc.boolean(),
        fc.nat(10 ** 9),
        fc.nat(10 ** 9),
        (number, i, isChild, lifeMs, ageMs) => {
          const one = {
            ...shard,
            shardId: shardIdOf(i),
            parentShardIds: isChild ? ['shardId-000000000000'] : [],
            startingSequenceNumber: number,
            closedAt: new Date(shard.createdAt.getTime() + lifeMs),
          }
          const first = BigInt(
            kinesisSequenceNumber({
              shardIndex: i,
              shardCreatedAt: createdAtOf(one),
              sequenceNumber: number,
              arrivalTime: new Date(shard.createdAt.getTime() + ageMs),
            }),
          )
          expect(first).toBeGreaterThan(BigInt(startingSequenceNumber(one)))
          expect(first).toBeLessThan(BigInt(endingSequenceNumber(one)!))
        },
      ),
    )
  })

  it('are above all of its parents, if these lived for more than a second', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        index,
        index,
        fc.integer({ min: 1000, max: 10 ** 9 }),
        (isChild, a, b, lifeMs) => {
          const closedAt = new Date(shard.createdAt.getTime() + lifeMs)
          const parentShardIds = isChild ? ['shardId-000000000000'] : []
          const parent = { ...shard, shardId: shardIdOf(a), parentShardIds, closedAt }
          const child = {
            ...shard,
            shardId: shardIdOf(b),
            parentShardIds: [parent.shardId],
            createdAt: closedAt,
          }
          fc.pre(!isChild || lifeMs > 1000)
          expect(BigInt(startingSequenceNumber(child))).toBeGreaterThan(BigInt(endingSequenceNumber(parent)!))
        },
      ),
    )
  })

  it('have the digits of the service', () => {
    expect(BigInt(startingSequenceNumber(shard)).toString(16)).toBe(
      ['2', '0695735a5', '3', '0000000000000000', '00', '0695735a5', '00000003', '2'].join(''),
    )
    expect(BigInt(endingSequenceNumber(shard)!).toString(16)).toBe(
      ['2', '0695735a5', '3', '7fffffffffffffff', '00', '069573708', '00000003', '2'].join(''),
    )
    expect(endingSequenceNumber({ ...shard, closedAt: undefined })).toBeUndefined()
    const child = { ...shard, parentShardIds: ['shardId-000000000001'] }
    expect(parseKinesisSequenceNumber(startingSequenceNumber(child))?.shardCreatedSeconds).toBe(
      Math.floor(shard.createdAt.getTime() / 1000) + 1,
    )
  })

  it('say so: before the first record, and after every record', () => {
    expect(parseKinesisSequenceNumber(startingSequenceNumber(shard))?.sequenceNumber).toBe(-1)
    expect(parseKinesisSequenceNumber(endingSequenceNumber(shard)!)?.sequenceNumber).toBe(SEQUENCE_NUMBER_END)
  })
})

describe('sequence numbers that clients send', () => {
  it('of old layouts are read, as the service does', () => {
    expect(parseKinesisSequenceNumber('5')).toMatchObject({ version: 0, shardIndex: 5 })
    expect(normalSequenceNumber('0')).toBe('21267647932558653966460912964485513216')
    expect(normalSequenceNumber('425352958651173072921826052383309826')).toBe(
      '21693000891209827039382739016868823042',
    )
    const version1 = BigInt(
      `0x2${'054cf5f1d'}0${'00'}${'054cf5f1d'}${'00000000000000'}${'00'}${'00000004'}1`,
    ).toString()
    expect(parseKinesisSequenceNumber(version1)).toMatchObject({
      version: 1,
      shardIndex: 4,
      shardCreatedSeconds: 0x54cf_5f1d,
    })
  })

  it('are refused if they are of no layout, of a counter above all or of no time', () => {
    const hex = (text: string) => BigInt(`0x${text}`).toString()
    const refused = [
      '',
      'x',
      '-1',
      '01',
      '1.5',
      '9'.repeat(129),
      '9'.repeat(130),
      hex('20000000000800000000000000000000000000000000002'),
      hex('20000000000000000000000000000000000000000000003'),
      hex('13bb2cc3d80000000000000000000000'),
      (1n << 140n).toString(),
    ]
    expect(refused.filter((text) => parseKinesisSequenceNumber(text) !== undefined)).toEqual([])
  })

  it('of a negative shard are read as the service reads them', () => {
    const text = BigInt('0x20000000000000000000000000000000000000800000002').toString()
    expect(parseKinesisSequenceNumber(text)).toMatchObject({ shardIndex: -2_147_483_648 })
    expect(shardIdOf(-2_147_483_648)).toBe('shardId--02147483648')
  })

  it('never break the reader, whatever digits are given', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 60n }), (number) => {
        const parsed = parseKinesisSequenceNumber(number.toString())
        if (parsed !== undefined) expect(Number.isSafeInteger(parsed.sequenceNumber)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
