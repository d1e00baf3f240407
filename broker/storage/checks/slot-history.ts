// Holds what the segments of an owner say of one shard against each other, oldest segment first. Runs in the checking
// process. Retention and compaction take away what lies below the trim horizon, and nothing else: from there to the tail
// every number must be in exactly one segment, and what holds of the shard as a whole never goes back.
import type { HeadRow } from '../key-space.ts'
import type { SegmentName } from '../segments/segment-name.ts'
import type { Findings } from './findings.ts'

/** What one segment says of the shard. */
interface Piece {
  readonly where: string
  readonly segment: SegmentName
  readonly head: HeadRow
}

export class SlotHistory {
  readonly #slot: number
  readonly #findings: Findings
  readonly #pieces: Piece[] = []

  constructor(slot: number, findings: Findings) {
    this.#slot = slot
    this.#findings = findings
  }

  /** Takes in what the next segment says. */
  add(where: string, segment: SegmentName, head: HeadRow): void {
    const piece = { where: `${where}, slot ${this.#slot}, head`, segment, head }
    if (head.trimHorizon > head.next) {
      const what = `trimHorizon is ${head.trimHorizon}, above its end ${head.next}.`
      this.#findings.problem(piece.where, what)
    }
    const before = this.#pieces.at(-1)
    if (before !== undefined) this.#checkSuccession(before, piece)
    this.#pieces.push(piece)
  }

  /** Whether a segment carried this shard on from the one before, and had to. */
  isMissingFrom(segment: SegmentName): boolean {
    const last = this.#pieces.at(-1)!
    return last.head.forgotten === 0 && isCarriedOn(last.segment, segment)
  }

  /** A shard goes on where it stood at the end of the segment before, or above it where what lay between was dropped. */
  #checkSuccession(before: Piece, { where, segment, head }: Piece): void {
    const { head: earlier } = before
    const problem = (what: string) => this.#findings.problem(where, what)
    if (isCarriedOn(before.segment, segment)) {
      this.#findings.expect(where, 'first', { found: head.first, expected: earlier.next })
    } else if (head.first < earlier.next) {
      problem(`It begins at ${head.first}, and the segment before ends at ${earlier.next}: they overlap.`)
    }
    // A compacted segment was made with a newer horizon than the one after it may know.
    if (head.trimHorizon < earlier.trimHorizon && before.segment.generation === 0)
      problem(`trimHorizon is ${head.trimHorizon}; it was ${earlier.trimHorizon} before.`)
    if (head.firstArrival < earlier.lastArrival) problem('Its arrival times go back.')
    if (earlier.forgotten !== 0) problem('It was forgotten, and came back.')
    if (earlier.closed === 0) return
    if (head.closed === 0) problem('It was closed, and is open again.')
    if (head.next !== earlier.next) problem(`It was closed at ${earlier.next}, and goes on to ${head.next}.`)
  }

  /** When all segments were added: nothing from the newest trim horizon on may be missing, unless it was forgotten. */
  checkWhole(directory: string): void {
    const { trimHorizon, forgotten } = this.#pieces.at(-1)!.head
    if (forgotten !== 0) return
    const where = `${directory}, slot ${this.#slot}`
    let next = trimHorizon
    for (const { head, where: at } of this.#pieces) {
      if (head.trimHorizon > trimHorizon) {
        this.#findings.problem(at, `trimHorizon is ${head.trimHorizon}, above the newest, ${trimHorizon}.`)
      }
      if (head.next <= next) continue
      if (head.first > next) {
        const what = `The numbers from ${next} up to ${head.first} are in no segment that the manifest names.`
        this.#findings.problem(where, what)
      }
      next = head.next
    }
  }
}

/** Whether a segment took over from another with nothing dropped between them, and nothing left out since. */
function isCarriedOn(before: SegmentName, after: SegmentName): boolean {
  return after.generation === 0 && after.number === before.number + 1
}
