// Tests the checker: a violation of each rule is planted in a correct history, and must be found by its rule's name.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareHashKeys, hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { evenRanges, type HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import { check, describeViolations, type InvariantName, invariants } from './checker.ts'
import { History, outcomeOf, payloadOf, type ReadRecord, valueOf } from './history.ts'

const SHARD = 'clicks/0'
const CHILD = 'clicks/1'
const ARRIVAL = 1_000

/** The smallest correct log: an append is stored at the next numbers, and read from there. */
class HonestLog {
  readonly history = new History()
  readonly records: ReadRecord[] = []

  store(values: readonly string[], at = this.records.length): number[] {
    const numbers: number[] = []
    for (const [index, value] of values.entries()) {
      this.records.push(record(at + index, value))
      numbers.push(at + index)
    }
    return numbers
  }

  append(values: readonly string[], options: { producer?: string; idempotent?: boolean } = {}): number[] {
    const call = this.open(values, options)
    const numbers = this.store(values)
    call.ok(SHARD, numbers)
    return numbers
  }

  open(values: readonly string[], options: { producer?: string; idempotent?: boolean } = {}) {
    const records = values.map((value) => ({ value, partitionKey: 'k' }))
    return this.history.invoke({ producer: 'p1', idempotent: true, ...options, records })
  }

  read(records: readonly ReadRecord[], from?: number): void {
    this.history.openRun({ reader: 'r1', shard: SHARD, from }).records.push(...records)
  }

  finish(
    records: readonly ReadRecord[] = this.records,
    trimHorizon = 0,
    range: HashKeyRange | undefined = evenRanges(1)[0],
  ): InvariantName[] {
    const tail = Math.max(-1, ...this.records.map((stored) => stored.sequenceNumber)) + 1
    this.history.addFinal({ shard: SHARD, trimHorizon, tail, records, range: range! })
    return [...new Set(check(this.history).map((violation) => violation.invariant))]
  }
}

function record(sequenceNumber: number, value: string, over: Partial<ReadRecord> = {}): ReadRecord {
  return { sequenceNumber, value, arrivalTime: ARRIVAL, partitionKey: 'k', intact: true, ...over }
}

const planted: { readonly [N in InvariantName]: (log: HonestLog) => InvariantName[] } = {
  ackedNeverLost: (log) => {
    log.append(['a'])
    log.append(['b'])
    return log.finish(log.records.slice(0, 1))
  },
  noPhantom: (log) => {
    log.append(['a'])
    log.open(['b']).failed(new MillraceError('storageFull', 'no space'))
    log.store(['b'])
    return log.finish()
  },
  oneValuePerNumber: (log) => {
    log.open(['a']).failed(new Error('connection lost'))
    log.read([record(0, 'a')])
    log.append(['b'])
    return log.finish()
  },
  numbersRise: (log) => {
    log.append(['a', 'b'])
    return log.finish([record(1, 'b'), record(0, 'a')])
  },
  noDuplicates: (log) => {
    log.append(['a'])
    log.store(['a'])
    return log.finish()
  },
  orderPerKey: (log) => {
    const first = log.open(['a'])
    const second = log.open(['b'])
    log.store(['b', 'a'])
    first.ok(SHARD, [1])
    second.ok(SHARD, [0])
    return log.finish()
  },
  parentsFirst: (log) => {
    log.append(['a'])
    const reader = log.history.openStreamRead('whole reader', { isComplete: false })
    reader.deliver(CHILD, record(1, 'b'))
    log.open(['b']).ok(CHILD, [1])
    const lineage = { parents: [SHARD], startingSequenceNumber: 1, isClosed: false } as const
    const child = { shard: CHILD, trimHorizon: 1, tail: 2, records: [record(1, 'b')] }
    log.history.addFinal({ ...child, lineage: { ...lineage, endingSequenceNumber: undefined } })
    return log.finish()
  },
  recordsInTheirRange: (log) => {
    log.append(['a'])
    const [low, high] = evenRanges(2)
    const words = new Uint32Array(4)
    hashPartitionKey('k', words, 0)
    const other = compareHashKeys(words, 0, high!.start, 0) >= 0 ? low : high
    return log.finish(log.records, 0, other)
  },
  rangesPartition: (log) => {
    log.history.askEpoch()({ epoch: 3, open: [{ shard: SHARD, range: evenRanges(2)[0]! }] })
    return log.finish()
  },
  noSkipNoStepBack: (log) => {
    log.append(['a'])
    log.append(['b'])
    log.append(['c'])
    log.read([record(0, 'a'), record(2, 'c')], 0)
    return log.finish()
  },
  visibleIsDurable: (log) => {
    log.append(['a'])
    log.open(['b']).failed(new Error('connection lost'))
    log.read([record(0, 'a'), record(1, 'b')], 0)
    return log.finish()
  },
  retentionOnlyCutsTheHead: (log) => {
    log.open(['a']).failed(new Error('connection lost'))
    log.store(['a'])
    log.append(['b'])
    return log.finish(log.records.slice(1))
  },
  batchesAreWhole: (log) => {
    log.open(['a', 'b', 'c']).failed(new Error('connection lost'))
    log.store(['a', 'b'])
    return log.finish()
  },
  bytesAreTheSent: (log) => {
    log.append(['a'])
    return log.finish([record(0, 'a', { intact: false })])
  },
  everyCallEnds: (log) => {
    log.open(['a'])
    return log.finish()
  },
  serviceResumes: (log) => {
    log.history.endFaults()
    log.open(['a']).failed(new MillraceError('unavailable', 'still down'))
    return log.finish()
  },
}

describe('check', () => {
  test.each(Object.entries(planted))('%s: finds a violation planted in an honest history', (name, plant) => {
    expect(plant(new HonestLog())).toContain(name)
  })

  test('finds nothing in the history of a correct log, whatever happened to the calls', () => {
    const fate = fc.constantFrom('acknowledged', 'refused', 'stored, answer lost', 'lost')
    fc.assert(
      fc.property(fc.array(fc.record({ fate, size: fc.integer({ min: 1, max: 4 }) })), (appends) => {
        const log = new HonestLog()
        for (const [index, append] of appends.entries()) {
          const values = Array.from({ length: append.size }, (_, at) => `${index}.${at}`)
          const call = log.open(values)
          if (append.fate === 'acknowledged') call.ok(SHARD, log.store(values))
          else if (append.fate === 'refused') call.failed(new MillraceError('overloaded', 'queue full'))
          else {
            if (append.fate === 'stored, answer lost') log.store(values)
            call.failed(new MillraceError('connectionLost', 'reset'))
          }
          log.read(log.records.slice(log.records.length >> 1))
        }
        expect(log.finish()).toEqual([])
      }),
    )
  })

  test('finds any record that is removed, moved, renamed or repeated', () => {
    const size = 6
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: size - 1 }),
        fc.constantFrom('out', 'moved', 'renamed', 'repeated'),
        (at, damage) => {
          const log = new HonestLog()
          for (let index = 0; index < size; index++) log.append([`v${index}`])
          const records = [...log.records]
          const [taken] = records.splice(at, 1)
          if (damage === 'moved') records.push(record(size, taken?.value ?? ''))
          if (damage === 'renamed') records.splice(at, 0, record(at, 'nobody'))
          if (damage === 'repeated')
            records.splice(at, 0, record(at, taken?.value ?? ''), record(at, taken?.value ?? ''))
          expect(log.finish(records)).not.toEqual([])
        },
      ),
    )
  })

  test('numbersRise: finds a number that went backwards in real time, though the log looks sorted', () => {
    const log = new HonestLog()
    log.history
      .invoke({ producer: 'p1', idempotent: true, records: [{ value: 'a', partitionKey: 'k' }] })
      .ok(SHARD, [5])
    log.history
      .invoke({ producer: 'p2', idempotent: true, records: [{ value: 'b', partitionKey: 'j' }] })
      .ok(SHARD, [2])
    log.store(['b'], 2)
    log.store(['a'], 5)
    expect(log.finish()).toContain('numbersRise')
  })

  test('numbersRise: finds an arrival time that fell', () => {
    const log = new HonestLog()
    log.append(['a', 'b'])
    expect(log.finish([record(0, 'a'), record(1, 'b', { arrivalTime: ARRIVAL - 1 })])).toEqual([
      'numbersRise',
    ])
  })

  test('noSkipNoStepBack: finds a subscription that delivers a record twice', () => {
    const log = new HonestLog()
    log.append(['a', 'b'])
    log.read([record(0, 'a'), record(1, 'b'), record(0, 'a')], 0)
    expect(log.finish()).toEqual(['noSkipNoStepBack'])
  })

  test('noDuplicates: allows a producer without idempotence to store its retry again', () => {
    const log = new HonestLog()
    log.append(['a'], { idempotent: false })
    log.store(['a'])
    expect(log.finish()).toEqual([])
  })

  test('ackedNeverLost: allows records below the trim horizon to be missing', () => {
    const log = new HonestLog()
    log.append(['a'])
    log.append(['b'])
    expect(log.finish(log.records.slice(1), 1)).toEqual([])
  })

  test('refuses a history whose values are not unique, because it proves nothing', () => {
    const log = new HonestLog()
    log.append(['a'])
    log.append(['a'])
    expect(() => log.finish()).toThrow('sent twice')
  })

  test('describes violations by name, number and evidence', () => {
    const log = new HonestLog()
    log.append(['lost'])
    log.finish([])
    const text = describeViolations(check(log.history))
    expect(text).toContain('ackedNeverLost (1), 1 times')
    expect(text).toContain(`lost of p1 was acknowledged at ${SHARD}:0, where the final read has nothing`)
  })

  test('has a promise for every rule', () => {
    for (const { doc } of Object.values(invariants)) expect(doc).toMatch(/^[A-Z].*\.$/)
  })
})

describe('history', () => {
  test('takes an error that promises no side effects for a refusal, and every other error for unknown', () => {
    expect(outcomeOf(new MillraceError('storageFull', ''))).toEqual({ type: 'refused', code: 'storageFull' })
    expect(outcomeOf(new MillraceError('connectionLost', '')).type).toBe('unknown')
    expect(outcomeOf(new MillraceError('outcomeUnknown', '')).type).toBe('unknown')
    expect(outcomeOf(new TypeError('x')).type).toBe('unknown')
  })

  test('ends each call once', () => {
    const call = new History().invoke({ producer: 'p', idempotent: true, records: [] })
    call.ok(SHARD, [])
    expect(() => call.failed(new Error('late'))).toThrow('twice')
  })

  test('payloadOf: names its value, and valueOf notices one changed byte', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[\w.-]{1,24}$/),
        fc.integer({ min: 0, max: 300 }),
        fc.nat(),
        (value, bytes, at) => {
          const payload = payloadOf(value, bytes)
          expect(valueOf(payload)).toEqual({ value, intact: true })
          const index = at % payload.length
          payload[index] = (payload[index] ?? 0) ^ 1
          const damaged = valueOf(payload)
          expect(damaged.intact && damaged.value === value).toBe(false)
        },
      ),
    )
  })
})
