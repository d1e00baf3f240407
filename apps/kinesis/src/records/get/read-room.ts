// Bytes of records that all reads together may hold in memory, from the question to the broker until the client has taken the
// answer. Runs in the endpoint. Each read gets a part of what is free, so that a lone reader gets large answers and many get small
// ones; where next to nothing is free, reads wait for those before them.
import { KinesisError } from '../../model/errors.ts'
import { ANSWER_TIMEOUT_MS } from '../patience.ts'

const KIB = 1024
const MIB = 1024 * KIB

export const readRoomLimits = {
  /** Bytes of all reads. Answers and what they are made of take some twice as much. */
  bytesMax: 128 * MIB,
  /** Bytes of one read: what the service gives at most. */
  readBytesMax: 10 * MIB,
  /** What a read must get at least to begin. */
  readBytesMin: 64 * KIB,
  /** A read gets such a part of what is free. */
  parts: 12,
  /** How long a read may wait for its part. */
  waitMs: ANSWER_TIMEOUT_MS,
} as const

type ReadRoomLimits = { readonly [N in keyof typeof readRoomLimits]: number }

/** A read's part of the room. */
export interface ReadShare {
  readonly bytes: number
  /** Gives back all but what the answer holds. More than was given is counted too: a host gives one batch at least. */
  keep(bytes: number): void
  /** Gives back the rest. */
  end(): void
}

export class ReadRoom {
  readonly #limits: ReadRoomLimits
  /** What lets each begin, the first first. */
  readonly #waiting = new Set<() => void>()
  #free: number

  constructor(limits: ReadRoomLimits = readRoomLimits) {
    this.#limits = limits
    this.#free = limits.bytesMax
  }

  /** Bytes that are free; below zero where reads hold more than they were given. */
  get free(): number {
    return this.#free
  }

  /**
   * Takes a part of the room, after those who came before. Rejects with ServiceUnavailableException after a while, and with the
   * signal's reason when that fires.
   */
  async take(signal: AbortSignal): Promise<ReadShare> {
    signal.throwIfAborted()
    if (this.#waiting.size > 0 || this.#part === undefined) await this.#turn(signal)
    const share = this.#share(this.#part ?? this.#limits.readBytesMin)
    this.#wake()
    return share
  }

  /** What a read gets now; undefined: it has to wait. */
  get #part(): number | undefined {
    const { readBytesMax, readBytesMin, parts } = this.#limits
    const part = Math.min(Math.floor(this.#free / parts), readBytesMax)
    return part < readBytesMin ? undefined : part
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(begin)
        signal.removeEventListener('abort', leave)
      }
      const begin = (): void => {
        end()
        resolve()
      }
      const leave = (): void => {
        end()
        reject(signal.reason as Error)
      }
      const giveUp = (): void => {
        end()
        reject(overfull())
      }
      const timer = setTimeout(giveUp, this.#limits.waitMs)
      this.#waiting.add(begin)
      signal.addEventListener('abort', leave)
    })
  }

  #share(bytes: number): ReadShare {
    let held = bytes
    this.#free -= held
    const hold = (kept: number): void => {
      this.#free += held - kept
      held = kept
      this.#wake()
    }
    return { bytes, keep: hold, end: () => hold(0) }
  }

  /** One at a time: the next is woken when that one has its part. */
  #wake(): void {
    if (this.#part === undefined) return
    const [begin] = this.#waiting
    begin?.()
  }
}

function overfull(): KinesisError {
  const message = 'The endpoint holds too many records that readers have not taken yet.'
  return new KinesisError('ServiceUnavailableException', message)
}
