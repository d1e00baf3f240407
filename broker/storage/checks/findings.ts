// Counts and findings of an integrity check. Runs in the checking process. Findings are kept up to a bound, so that a
// directory that is damaged everywhere does not fill memory.

/** Listed problems of one kind; more are only counted. */
const PROBLEMS_LISTED_MAX = 1000

/**
 * Kinds of problems, the gravest first; each calls for another response. damaged: bytes or rows differ from what was
 * stored. malformed: the bytes are as the producer sent them, but no reader can decode the records. codecMissing: the
 * bytes are as the producer sent them, but this Node lacks the codec to look into them.
 */
export const problemKinds = ['damaged', 'malformed', 'codecMissing'] as const
export type ProblemKind = (typeof problemKinds)[number]

export interface Problem {
  readonly kind: ProblemKind
  /** The file, segment, shard or row that has the problem. */
  readonly where: string
  readonly what: string
}

/** A shard whose newest stamps lie ahead of the clock: nothing is wrong with its bytes, and a broker puts it right. */
export interface StampedAhead {
  readonly where: string
  /** The newest stamp, milliseconds since the epoch. */
  readonly stampedUntil: number
  readonly aheadMs: number
}

export interface IntegrityProgress {
  readonly segments: number
  readonly batches: number
  readonly records: number
  readonly bytes: number
}

export interface IntegrityReport extends IntegrityProgress {
  /** True if no problem was found. */
  readonly ok: boolean
  /** The gravest kind of problem found. */
  readonly verdict: 'sound' | ProblemKind
  /** Batches whose records only readers with their keys can look at. Header, checksums and place were checked. */
  readonly encryptedBatches: number
  /** Number of shards in the catalog, open and closed, with records or without. */
  readonly shards: number
  readonly problems: readonly Problem[]
  /** The first ones of these. No problem: a clock was wrong, or is now. */
  readonly stampedAhead: readonly StampedAhead[]
}

export class Findings {
  shards = 0
  segments = 0
  batches = 0
  encryptedBatches = 0
  records = 0
  bytes = 0
  /** By kind, so that many problems of one kind do not crowd out those of another. */
  readonly #found: Record<ProblemKind, number> = { damaged: 0, malformed: 0, codecMissing: 0 }
  readonly #problems: Record<ProblemKind, Problem[]> = { damaged: [], malformed: [], codecMissing: [] }
  readonly #stampedAhead: StampedAhead[] = []
  readonly #onProgress: ((progress: IntegrityProgress) => void) | undefined

  constructor(onProgress?: (progress: IntegrityProgress) => void) {
    this.#onProgress = onProgress
  }

  problem(where: string, what: string, kind: ProblemKind = 'damaged'): void {
    this.#found[kind]++
    if (this.#problems[kind].length < PROBLEMS_LISTED_MAX) this.#problems[kind].push({ kind, where, what })
  }

  stampedAhead(ahead: StampedAhead): void {
    if (this.#stampedAhead.length < PROBLEMS_LISTED_MAX) this.#stampedAhead.push(ahead)
  }

  /** Adds a problem if two figures that must agree differ. */
  expect(where: string, name: string, { found, expected }: { found: number; expected: number }): void {
    if (found !== expected) this.problem(where, `${name} is ${found}; ${expected} was expected.`)
  }

  progress(): void {
    const { segments, batches, records, bytes } = this
    this.#onProgress?.({ segments, batches, records, bytes })
  }

  report(): IntegrityReport {
    const { shards, segments, batches, encryptedBatches, records, bytes } = this
    const problems = problemKinds.flatMap((kind) => this.#listed(kind))
    const verdict = problems[0]?.kind ?? 'sound'
    const counts = { shards, segments, batches, encryptedBatches, records, bytes }
    return { ok: verdict === 'sound', verdict, ...counts, problems, stampedAhead: this.#stampedAhead }
  }

  #listed(kind: ProblemKind): Problem[] {
    const listed = this.#problems[kind]
    const unlisted = this.#found[kind] - listed.length
    if (unlisted === 0) return listed
    return [
      ...listed,
      { kind, where: 'the rest', what: `${unlisted} more problems of this kind are not listed.` },
    ]
  }
}
