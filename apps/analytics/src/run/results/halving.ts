// Gives the results of all of a piece of work that can be computed: a piece that fails is halved, and halved again, until what fails is small
// enough to be refused by itself. Of the same work it is always the same. Pure.

export interface Work<Piece, Result> {
  /** Gives the results of a piece, or fails before the first of them. */
  readonly run: (piece: Piece) => AsyncIterable<Result>
  /** Whether an error is of what the piece holds, so that its other half may do. */
  readonly isOfPiece: (error: unknown) => boolean
  /** Fulfils with the pieces that a piece is made of, in order: none where it has no results. Undefined where it cannot be halved. */
  readonly halves: (piece: Piece) => Promise<readonly Piece[] | undefined>
  /** Returns what is told of a piece that fails. */
  readonly refuse: (piece: Piece, error: unknown) => Promise<readonly Result[]>
}

/** Pieces that fail and are halved, at most: those that fail beyond are refused as they are. */
const HALVED_MAX = 10_000

/** Rejects with what is not of a piece. */
export async function* resultsOf<Piece, Result>(
  whole: Piece,
  work: Work<Piece, Result>,
  halvedMax = HALVED_MAX,
): AsyncGenerator<Result, void, undefined> {
  const waiting = [whole]
  for (let halved = 0; waiting.length > 0;) {
    const piece = waiting.pop()!
    const failed = yield* tried(piece, work)
    if (failed === undefined) continue
    const halves = halved < halvedMax ? await work.halves(piece) : undefined
    if (halves === undefined) yield* await work.refuse(piece, failed.error)
    else {
      halved++
      waiting.push(...halves.toReversed())
    }
  }
}

/** Gives the results of a piece, and returns why there are none. */
async function* tried<Piece, Result>(
  piece: Piece,
  { run, isOfPiece }: Work<Piece, Result>,
): AsyncGenerator<Result, { readonly error: unknown } | undefined, undefined> {
  let hasBegun = false
  try {
    for await (const result of run(piece)) {
      hasBegun = true
      yield result
    }
    return undefined
  } catch (error) {
    if (hasBegun || !isOfPiece(error)) throw error
    return { error }
  }
}
