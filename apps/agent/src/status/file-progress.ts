// How files move: their rates, and which of them stand still although there is more to deliver. Pure: it is fed what files say and when.
import type { FileState, FileStatus } from '../files/file-status.ts'
import type { FileSnapshot } from './snapshot.ts'

/** Rates are those of this time at least. */
const RATE_MS = 10_000

interface Track {
  /** Of the last look at which more was delivered, or nothing was left to be. */
  movedAt: number
  confirmed: number
  samples: { readonly at: number; readonly confirmed: number }[]
  /** It was told that the file stands. */
  isTold: boolean
}

/** A file that began to stand still, or moves again. */
export interface FileTurn {
  readonly file: FileSnapshot
  readonly stands: boolean
}

export class FileProgress {
  readonly #standsAfterMs: number
  readonly #tracks = new Map<string, Track>()
  #files: readonly FileSnapshot[] = []

  /** A file stands when it has records to deliver, and nothing of it was delivered for this time. */
  constructor(standsAfterMs: number) {
    this.#standsAfterMs = standsAfterMs
  }

  /** As of the last look. */
  get files(): readonly FileSnapshot[] {
    return this.#files
  }

  /**
   * Takes a look at the files. Returns those that began to stand or to move since the last one. The time is of a clock that only rises;
   * what is shown is of the one on the wall.
   */
  look(files: readonly FileStatus[], now: number, shownNow = now): readonly FileTurn[] {
    const turns: FileTurn[] = []
    const seen = new Set<string>()
    this.#files = files.map((status) => {
      const key = status.file ?? status.path
      seen.add(key)
      const track = this.#tracks.get(key) ?? newTrack(status, now)
      this.#tracks.set(key, track)
      const bytesPerSecond = rate(track, status, now)
      if (status.confirmedOffset !== track.confirmed || !isDue(status)) {
        track.movedAt = now
        track.confirmed = status.confirmedOffset
      }
      const stands = isDue(status) && now - track.movedAt >= this.#standsAfterMs
      const file = {
        ...status,
        bytesPerSecond,
        standsSince: stands ? shownNow - (now - track.movedAt) : undefined,
      }
      if (stands !== track.isTold) turns.push({ file, stands })
      track.isTold = stands
      return file
    })
    for (const key of this.#tracks.keys()) if (!seen.has(key)) this.#tracks.delete(key)
    return turns
  }
}

/** States in which a file has records that somebody waits for. A last line without an end is nobody's fault, and no news. */
const dueStates: ReadonlySet<FileState> = new Set([
  'reading',
  'destination',
  'back-pressure',
  'unreadable',
  'pattern',
])

/** Whether there is something of the file that could be delivered: read and not confirmed, or not read. */
function isDue({ offset, confirmedOffset, state }: FileStatus): boolean {
  return offset > confirmedOffset || dueStates.has(state)
}

function newTrack({ confirmedOffset: confirmed }: FileStatus, now: number): Track {
  return { movedAt: now, confirmed, samples: [{ at: now, confirmed }], isTold: false }
}

function rate(track: Track, { confirmedOffset: confirmed }: FileStatus, now: number): number {
  track.samples.push({ at: now, confirmed })
  while (track.samples.length > 2 && now - track.samples[1]!.at >= RATE_MS) track.samples.shift()
  const [first] = track.samples
  const elapsedMs = now - first!.at
  return elapsedMs <= 0 ? 0 : Math.max(0, ((confirmed - first!.confirmed) * 1000) / elapsedMs)
}
