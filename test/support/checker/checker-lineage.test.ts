// Tests the checker over splits and merges, retention, and faults that end: each violation is planted alone in the
// history of a split shard, and must be found under its name and no other.
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { evenRanges } from '../../../protocol/shards/shard-map.ts'
import { check, describeViolations, type InvariantName } from './checker.ts'
import { type FinalRead, History, type ReadRecord, type StreamRead } from './history.ts'

const PARENT = 'clicks/0'
const CHILDREN = ['clicks/1', 'clicks/2'] as const
const [whole] = evenRanges(1)
/** 'b' hashes into the upper half, 'k' into the lower half. */
const [lower, upper] = evenRanges(2)
const LOW_KEY = 'c'
const HIGH_KEY = 'b'

function record(sequenceNumber: number, value: string, partitionKey: string): ReadRecord {
  return { sequenceNumber, value, partitionKey, arrivalTime: 1000, intact: true }
}

const a = record(0, 'a', LOW_KEY)
const b = record(1, 'b', HIGH_KEY)
const c = record(2, 'c', LOW_KEY)
const d = record(2, 'd', HIGH_KEY)

/** A parent with two records, split after the second; one record in each child; two readers that read everything. */
interface Scene {
  readonly history: History
  parent: FinalRead
  lower: FinalRead
  upper: FinalRead
  readonly reader: StreamRead
  /** The reader's deliveries, in order. */
  deliveries: [string, ReadRecord][]
}

function honestScene(): Scene {
  const history = new History()
  const child = { trimHorizon: 2, tail: 3 }
  const childLineage = {
    parents: [PARENT],
    startingSequenceNumber: 2,
    isClosed: false,
    endingSequenceNumber: undefined,
  }
  return {
    history,
    parent: {
      shard: PARENT,
      trimHorizon: 0,
      tail: 2,
      records: [a, b],
      range: whole!,
      lineage: { parents: [], startingSequenceNumber: 0, isClosed: true, endingSequenceNumber: 1 },
    },
    lower: { ...child, shard: CHILDREN[0], records: [c], range: lower!, lineage: childLineage },
    upper: { ...child, shard: CHILDREN[1], records: [d], range: upper!, lineage: childLineage },
    reader: history.openStreamRead('whole reader', { isComplete: true }),
    deliveries: [
      [PARENT, a],
      [PARENT, b],
      [CHILDREN[1], d],
      [CHILDREN[0], c],
    ],
  }
}

function acknowledge(history: History, shard: string, ...records: ReadRecord[]): void {
  for (const { value, partitionKey, sequenceNumber } of records) {
    history
      .invoke({ producer: 'p', idempotent: true, records: [{ value, partitionKey }] })
      .ok(shard, [sequenceNumber])
  }
}

/** Sends the records that the test itself did not send, lets the reader deliver, and checks the history. */
function judge(scene: Scene): InvariantName[] {
  const { history } = scene
  const sent = new Set(history.appends.flatMap((call) => call.records.map(({ value }) => value)))
  const unsent = (records: readonly ReadRecord[]) => records.filter(({ value }) => !sent.has(value))
  acknowledge(history, PARENT, ...unsent([a, b]))
  acknowledge(history, CHILDREN[0], ...unsent([c]))
  acknowledge(history, CHILDREN[1], ...unsent([d]))
  for (const [shard, delivered] of scene.deliveries) scene.reader.deliver(shard, delivered)
  for (const final of [scene.parent, scene.lower, scene.upper]) history.addFinal(final)
  return [...new Set(check(history).map(({ invariant }) => invariant))]
}

const planted: readonly {
  readonly what: string
  readonly plant: (scene: Scene) => void
  readonly found: readonly InvariantName[]
}[] = [
  {
    what: 'a child that starts below the tail of its parent',
    plant: (scene) => {
      const { lineage } = scene.lower
      scene.lower = { ...scene.lower, lineage: { ...lineage!, startingSequenceNumber: 1 } }
    },
    found: ['numbersRise'],
  },
  {
    what: 'a record below the start of its shard',
    plant: (scene) => {
      const { lineage } = scene.lower
      scene.lower = { ...scene.lower, lineage: { ...lineage!, startingSequenceNumber: 3 } }
    },
    found: ['numbersRise'],
  },
  {
    what: 'a closed shard whose tail is not where the catalog says that it ends',
    plant: (scene) => {
      const { lineage } = scene.parent
      scene.parent = { ...scene.parent, lineage: { ...lineage!, endingSequenceNumber: 5 } }
    },
    found: ['numbersRise'],
  },
  {
    what: 'a closed shard that acknowledged a record after its child had',
    plant: ({ history }) => {
      acknowledge(history, PARENT, a)
      acknowledge(history, CHILDREN[0], c)
      acknowledge(history, PARENT, b)
    },
    found: ['numbersRise'],
  },
  {
    what: 'a record that a parent and its child both have',
    plant: (scene) => {
      scene.lower = { ...scene.lower, tail: 4, records: [c, record(3, 'a', LOW_KEY)] }
      scene.deliveries.push([CHILDREN[0], record(3, 'a', LOW_KEY)])
    },
    found: ['noDuplicates'],
  },
  {
    what: "one producer's records of a key stored in another order than they were sent in",
    plant: ({ history }) => {
      history
        .invoke({
          producer: 'p',
          idempotent: true,
          records: [{ value: 'c', partitionKey: LOW_KEY }],
        })
        .failed(new MillraceError('outcomeUnknown', 'gone'))
    },
    found: ['orderPerKey'],
  },
  {
    what: 'a reader that delivers a key backwards across shards',
    plant: (scene) => {
      scene.deliveries = [
        [PARENT, b],
        [CHILDREN[0], c],
        [PARENT, a],
        [CHILDREN[1], d],
      ]
    },
    found: ['orderPerKey', 'parentsFirst', 'noSkipNoStepBack'],
  },
  {
    what: "a reader that begins a child before its parent's last record",
    plant: (scene) => {
      scene.deliveries = [
        [PARENT, a],
        [CHILDREN[0], c],
        [PARENT, b],
        [CHILDREN[1], d],
      ]
    },
    found: ['parentsFirst'],
  },
  {
    what: "a reader that never gets its parent's last record",
    plant: (scene) => {
      scene.deliveries = [
        [PARENT, a],
        [CHILDREN[0], c],
        [CHILDREN[1], d],
      ]
      scene.history.endFaults()
    },
    found: ['parentsFirst', 'serviceResumes'],
  },
  {
    what: 'a record in the wrong child',
    plant: (scene) => {
      ;[scene.lower, scene.upper] = [
        { ...scene.lower, range: upper! },
        { ...scene.upper, range: lower! },
      ]
    },
    found: ['recordsInTheirRange'],
  },
  {
    what: 'an epoch with a gap between its shards',
    plant: ({ history }) => history.askEpoch()({ epoch: 2, open: [{ shard: CHILDREN[1], range: upper! }] }),
    found: ['rangesPartition'],
  },
  {
    what: 'an epoch in which two shards have one hash key',
    plant: ({ history }) => {
      const open = [
        { shard: PARENT, range: whole! },
        { shard: CHILDREN[1], range: upper! },
      ]
      history.askEpoch()({ epoch: 2, open })
    },
    found: ['rangesPartition'],
  },
  {
    what: 'an epoch that is two sets of shards',
    plant: ({ history }) => {
      history.askEpoch()({ epoch: 1, open: [{ shard: PARENT, range: whole! }] })
      history.askEpoch()({ epoch: 1, open: [{ shard: CHILDREN[0], range: whole! }] })
    },
    found: ['rangesPartition'],
  },
  {
    what: 'an epoch that comes back',
    plant: ({ history }) => {
      const open = [{ shard: PARENT, range: whole! }]
      history.askEpoch()({ epoch: 2, open })
      history.askEpoch()({ epoch: 1, open })
    },
    found: ['rangesPartition'],
  },
  {
    what: 'a horizon that falls',
    plant: ({ history }) => {
      history.seeHorizon({ shard: PARENT, trimHorizon: 0, below: undefined })
      history.seeHorizon({ shard: CHILDREN[0], trimHorizon: 2, below: 'trimmed' })
      history.seeHorizon({ shard: CHILDREN[0], trimHorizon: 1, below: 'trimmed' })
    },
    found: ['retentionOnlyCutsTheHead'],
  },
  {
    what: 'a horizon that is lower in the end',
    plant: (scene) => {
      scene.history.seeHorizon({ shard: PARENT, trimHorizon: 1, below: undefined })
      // This reader began before the horizon was known, so it may get the record.
      scene.reader.deliver(PARENT, a)
      scene.deliveries.shift()
    },
    found: ['retentionOnlyCutsTheHead'],
  },
  {
    what: 'silence below the horizon instead of the error',
    plant: ({ history }) => history.seeHorizon({ shard: CHILDREN[0], trimHorizon: 2, below: 'records' }),
    found: ['retentionOnlyCutsTheHead'],
  },
  {
    what: 'a record that came back from below the horizon',
    plant: (scene) => {
      scene.history.seeHorizon({ shard: PARENT, trimHorizon: 1, below: 'trimmed' })
      scene.parent = { ...scene.parent, trimHorizon: 1, records: [b] }
      scene.history.openRun({ reader: 'late reader', shard: PARENT, from: 0 }).records.push(a)
    },
    found: ['retentionOnlyCutsTheHead'],
  },
  {
    what: 'a hole in what can be read',
    plant: (scene) => {
      scene.parent = { ...scene.parent, trimHorizon: 0, records: [b] }
      scene.history
        .invoke({ producer: 'p', idempotent: true, records: [{ value: 'a', partitionKey: LOW_KEY }] })
        .failed(new Error('connection lost'))
      scene.deliveries.shift()
    },
    found: ['retentionOnlyCutsTheHead'],
  },
  {
    what: 'a tail beyond the last record',
    plant: (scene) => {
      scene.lower = { ...scene.lower, tail: 4 }
    },
    found: ['retentionOnlyCutsTheHead'],
  },
  {
    what: 'a follower that never gets to the end',
    plant: (scene) => {
      scene.deliveries.pop()
      scene.history.endFaults()
    },
    found: ['serviceResumes'],
  },
  {
    what: 'a producer that is refused for ever',
    plant: ({ history }) => {
      history.endFaults()
      history
        .invoke({ producer: 'q', idempotent: true, records: [{ value: 'x', partitionKey: LOW_KEY }] })
        .failed(new MillraceError('unavailable', 'still'))
    },
    found: ['serviceResumes'],
  },
]

describe('check, over a split', () => {
  test('finds nothing where every promise is kept', () => {
    const scene = honestScene()
    const { history } = scene
    history.askEpoch()({ epoch: 1, open: [{ shard: PARENT, range: whole! }] })
    history.seeHorizon({ shard: PARENT, trimHorizon: 0, below: undefined })
    history.endFaults()
    history.askEpoch()({
      epoch: 2,
      open: [
        { shard: CHILDREN[0], range: lower! },
        { shard: CHILDREN[1], range: upper! },
      ],
    })
    expect(judge(scene)).toEqual([])
  })

  test('allows expired records to be missing, and a fully expired parent', () => {
    const scene = honestScene()
    scene.parent = { ...scene.parent, trimHorizon: 2, records: [] }
    expect(judge(scene)).toEqual([])
    const gone = honestScene()
    acknowledge(gone.history, CHILDREN[0], c)
    acknowledge(gone.history, CHILDREN[1], d)
    gone.history.addFinal(gone.lower)
    gone.history.addFinal(gone.upper)
    expect(check(gone.history)).toEqual([])
  })

  test('allows two overlapping answers to name epochs in either order', () => {
    const scene = honestScene()
    const [early, late] = [scene.history.askEpoch(), scene.history.askEpoch()]
    const open = [{ shard: PARENT, range: whole! }]
    late({ epoch: 2, open })
    early({ epoch: 1, open })
    expect(judge(scene)).toEqual([])
  })

  test.each(planted.map((one) => [one.what, one] as const))('finds %s', (_, { plant, found }) => {
    const scene = honestScene()
    plant(scene)
    const names = judge(scene)
    expect(names.toSorted(), `judged: ${describeViolations(check(scene.history))}`).toEqual(found.toSorted())
  })
})
