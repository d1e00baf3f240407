// How much of a flow may be on its way at a time. Pure state. What finds no room stays in the files.

const MiB = 1024 * 1024

/** Bytes of files that one flow has on their way at most; one chunk always goes. */
const BYTES_MAX = 16 * MiB
/** Records likewise: a short one takes more memory than its bytes. */
export const ROOM_RECORDS_MAX = 200_000

/** What a chunk takes. */
export interface RoomLoad {
  readonly bytes: number
  readonly records: number
}

export class Room {
  readonly #chunksMax: number
  readonly #waiting: (() => void)[] = []
  #chunks = 0
  #bytes = 0
  #records = 0

  constructor(chunksMax: number) {
    this.#chunksMax = chunksMax
  }

  get chunks(): number {
    return this.#chunks
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    if (this.#chunks === 0) return false
    return this.#chunks >= this.#chunksMax || this.#bytes >= BYTES_MAX || this.#records >= ROOM_RECORDS_MAX
  }

  enter({ bytes, records }: RoomLoad): void {
    this.#chunks += 1
    this.#bytes += bytes
    this.#records += records
  }

  leave({ bytes, records }: RoomLoad): void {
    this.#chunks -= 1
    this.#bytes -= bytes
    this.#records -= records
    this.wake()
  }

  /** Makes those who wait look again. */
  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Fulfils when a chunk has left, on `wake`, or when the signal aborts. */
  async change(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake)
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.push(wake)
    })
  }
}
