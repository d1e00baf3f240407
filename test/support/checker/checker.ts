// Checks a history: could a correct log have produced it? Pure; runs in the test's process. The rules are one table, so
// that each has a name, a number and a sentence; rules with one number belong together.
import {
  checkAckedNeverLost,
  checkBatchesAreWhole,
  checkBytesAreTheSent,
  checkNoDuplicates,
  checkNoPhantom,
  checkOneValuePerNumber,
  checkVisibleIsDurable,
} from '../checks/contents.ts'
import { type Facts, gatherFacts } from '../checks/facts.ts'
import {
  checkNoSkipNoStepBack,
  checkNumbersRise,
  checkOrderPerKey,
  checkParentsFirst,
} from '../checks/order.ts'
import { checkRangesPartition, checkRecordsInTheirRange } from '../checks/ranges.ts'
import { checkRetentionOnlyCutsTheHead } from '../checks/retention.ts'
import { checkEveryCallEnds, checkServiceResumes } from '../checks/liveness.ts'
import type { History } from './history.ts'

export interface Violation {
  readonly invariant: InvariantName
  readonly number: number
  /** The violation with its evidence: value, shard, sequence number, and the client that reported it. */
  readonly what: string
}

interface Rule {
  readonly number: number
  readonly doc: string
  readonly check: (facts: Facts) => Iterable<string>
}

export const invariants = {
  ackedNeverLost: {
    number: 1,
    doc: 'Every acknowledged record is where its acknowledgement said, unless it is below the trim horizon.',
    check: checkAckedNeverLost,
  },
  noPhantom: {
    number: 2,
    doc: 'Every record read was sent, and its append was not refused.',
    check: checkNoPhantom,
  },
  oneValuePerNumber: {
    number: 3,
    doc: 'All reads and acknowledgements of a shard and sequence number agree on one value, over all time.',
    check: checkOneValuePerNumber,
  },
  numbersRise: {
    number: 4,
    doc: 'Sequence numbers rise strictly, in the log, in real time and from parent to child; arrival times never fall.',
    check: checkNumbersRise,
  },
  noDuplicates: {
    number: 5,
    doc: 'A record of an idempotent producer is stored once at most, in whatever shards of the lineage.',
    check: checkNoDuplicates,
  },
  orderPerKey: {
    number: 6,
    doc: "One producer's records of one key stand in the order of sending and of acknowledgement, and are delivered in it.",
    check: checkOrderPerKey,
  },
  parentsFirst: {
    number: 6,
    doc: 'A reader of a stream gets no record of a shard before the last one of every shard that it descends from.',
    check: checkParentsFirst,
  },
  recordsInTheirRange: {
    number: 7,
    doc: "The hash of every record's key lies in the range of the shard that holds it.",
    check: checkRecordsInTheirRange,
  },
  rangesPartition: {
    number: 7,
    doc: 'In every epoch the open shards have each hash key once; an epoch is one set of shards, and none comes back.',
    check: checkRangesPartition,
  },
  noSkipNoStepBack: {
    number: 9,
    doc: 'Within one subscription numbers rise, and no stored record is passed over.',
    check: checkNoSkipNoStepBack,
  },
  visibleIsDurable: {
    number: 10,
    doc: 'What any reader ever got is still there in the end.',
    check: checkVisibleIsDurable,
  },
  retentionOnlyCutsTheHead: {
    number: 11,
    doc: 'What can be read is one piece up to the tail; its beginning only rises, and below it is a named error.',
    check: checkRetentionOnlyCutsTheHead,
  },
  batchesAreWhole: {
    number: 12,
    doc: 'Of the records of one batch all are stored, side by side, or none.',
    check: checkBatchesAreWhole,
  },
  bytesAreTheSent: {
    number: 13,
    doc: 'What is read has the bytes and the key that were sent: damage is an error, never data.',
    check: checkBytesAreTheSent,
  },
  everyCallEnds: {
    number: 14,
    doc: 'After the faults stop, every call has ended.',
    check: checkEveryCallEnds,
  },
  serviceResumes: {
    number: 14,
    doc: 'After the faults stop, producers are acknowledged, and stream followers reach the end.',
    check: checkServiceResumes,
  },
} as const satisfies Record<string, Rule>

export type InvariantName = keyof typeof invariants

/** Returns every violation of every rule; an empty list means that all promises were kept. */
export function check(history: History): Violation[] {
  const facts = gatherFacts(history)
  const violations: Violation[] = []
  for (const invariant of Object.keys(invariants) as InvariantName[]) {
    const rule: Rule = invariants[invariant]
    for (const what of rule.check(facts)) violations.push({ invariant, number: rule.number, what })
  }
  return violations
}

/** A readable account: a few violations of each rule, and the total. */
export function describeViolations(violations: readonly Violation[], eachMax = 5): string {
  const parts: string[] = []
  for (const name of new Set(violations.map((violation) => violation.invariant))) {
    const list = violations.filter((violation) => violation.invariant === name)
    parts.push(`${name} (${invariants[name].number}), ${list.length} times: ${invariants[name].doc}`)
    for (const violation of list.slice(0, eachMax)) parts.push(`  ${violation.what}`)
  }
  return parts.join('\n')
}
