// What an integrity check has counted and found so far. Runs in the checking process. Findings are kept up to a bound, so
// that a directory that is damaged everywhere is reported and not held in memory.

/** Problems that are listed; the others are only counted. */
const PROBLEMS_LISTED_MAX = 1000

export interface Problem {
  /** The file, segment, shard or row. */
  readonly where: string
  readonly what: string
}

export interface IntegrityProgress {
  readonly segments: number
  readonly batches: number
  readonly records: number
  readonly bytes: number
}

export interface IntegrityReport extends IntegrityProgress {
  readonly ok: boolean
  /** Of the catalog, open and closed, with records or without. */
  readonly shards: number
  readonly problems: readonly Problem[]
}

export class Findings {
  shards = 0
  segments = 0
  batches = 0
  records = 0
  bytes = 0
  #found = 0
  readonly #problems: Problem[] = []
  readonly #onProgress: ((progress: IntegrityProgress) => void) | undefined

  constructor(onProgress?: (progress: IntegrityProgress) => void) {
    this.#onProgress = onProgress
  }

  problem(where: string, what: string): void {
    this.#found++
    if (this.#problems.length < PROBLEMS_LISTED_MAX) this.#problems.push({ where, what })
  }

  /** Notes a problem unless two figures that must agree do. */
  expect(where: string, name: string, { found, expected }: { found: number; expected: number }): void {
    if (found !== expected) this.problem(where, `${name} is ${found}; ${expected} was expected.`)
  }

  progress(): void {
    const { segments, batches, records, bytes } = this
    this.#onProgress?.({ segments, batches, records, bytes })
  }

  report(): IntegrityReport {
    const { shards, segments, batches, records, bytes } = this
    const unlisted = this.#found - this.#problems.length
    const rest =
      unlisted > 0 ? [{ where: 'the rest', what: `${unlisted} more problems are not listed.` }] : []
    const problems = [...this.#problems, ...rest]
    return { ok: problems.length === 0, shards, segments, batches, records, bytes, problems }
  }
}
