// Compares an owner's segments about one shard, oldest segment first. Runs in the checking process. Retention and
// compaction remove only what lies below the trim horizon: every number from there to the tail must be in exactly one
// segment, and values of the shard as a whole never fall.
import type { HeadRow } from '../rows/key-space.ts'
import type { SegmentName } from '../segments/segment-name.ts'
import type { Findings } from './findings.ts'

/** The head of the shard in one segment. */
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

  /** Adds the head from the next segment. */
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

  /** Returns true if the segment directly follows the last one with this shard, so that it must have the shard, too. */
  isMissingFrom(segment: SegmentName): boolean {
    const last = this.#pieces.at(-1)!
    return last.head.forgotten === 0 && isCarriedOn(last.segment, segment)
  }

  /** A shard continues at its end in the earlier segment, or above it if segments between were dropped. */
  #checkSuccession(before: Piece, { where, segment, head }: Piece): void {
    const { head: earlier } = before
    const problem = (what: string) => this.#findings.problem(where, what)
    if (isCarriedOn(before.segment, segment)) {
      this.#findings.expect(where, 'first', { found: head.first, expected: earlier.next })
    } else if (head.first < earlier.next) {
      problem(`It begins at ${head.first}, and the segment before ends at ${earlier.next}: they overlap.`)
    }
    // A compacted segment may have a newer horizon than the segment after it.
    if (head.trimHorizon < earlier.trimHorizon && before.segment.generation === 0)
      problem(`trimHorizon is ${head.trimHorizon}; it was ${earlier.trimHorizon} before.`)
    if (head.firstArrival < earlier.lastArrival) problem('Its arrival times go back.')
    if (earlier.forgotten !== 0) problem('It was forgotten, and came back.')
    if (earlier.closed === 0) return
    if (head.closed === 0) problem('It was closed, and is open again.')
    if (head.next !== earlier.next) problem(`It was closed at ${earlier.next}, and goes on to ${head.next}.`)
  }

  /**
   * After all segments were added: no number from the newest trim horizon on may be missing, unless the shard was
   * forgotten.
   */
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

/** Returns true if `after` directly took over from `before`, and is not compacted. */
function isCarriedOn(before: SegmentName, after: SegmentName): boolean {
  return after.generation === 0 && after.number === before.number + 1
}
