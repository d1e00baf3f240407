// Writes the finished lines of a log to its descriptor. Runs in controller and hosts. A reader that stalls does not stop
// the process, and delays its end by a bounded time only. Lines wait in memory up to a bound; further lines are dropped,
// and a line in their place says how many.
import { write as writeLater, writeSync } from 'node:fs'
import type { LogDescriptor } from './log-descriptor.ts'

/** Most bytes of lines that wait for the reader; beyond it lines are dropped until half of the bytes are written. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** A write to a pipe of up to this size is atomic (POSIX PIPE_BUF): lines of several processes do not mix. */
const WHOLE_BYTES = 4096
/** Interval of attempts to write while the reader stalls. */
const RETRY_MS = 50
/** Longest time that the end of the process waits for a reader that takes nothing, and for a slow one. */
const STALLED_END_MS = 500
const SLOW_END_MS = 2000
const END_POLL_MS = 5

/** The system's write functions; tests replace them. */
export interface LogWrites {
  readonly descriptor: LogDescriptor
  readonly writeSync: (fd: number, bytes: Uint8Array) => number
  readonly write: (
    fd: number,
    bytes: Uint8Array,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ) => void
}

export interface LogOutputOptions {
  readonly writes: LogWrites
  /** Returns the line, with its line feed, that stands in place of `lines` dropped lines. */
  readonly noteOf: (lines: number) => string
  readonly waitingBytesMax?: number
}

/** Whole lines to be written in one write. A note about dropped lines counts as these lines in `lines`. */
interface Piece {
  text: string
  bytes: number
  lines: number
}

export function systemWrites(descriptor: LogDescriptor): LogWrites {
  return { descriptor, writeSync: (fd, bytes) => writeSync(fd, bytes), write: writeLater }
}

export class LogOutput {
  readonly #writes: LogWrites
  readonly #noteOf: (lines: number) => string
  readonly #waitingBytesMax: number
  readonly #waiting: Piece[] = []
  #waitingBytes = 0
  /** The unwritten rest of the first piece; undefined before its first write. */
  #rest: Uint8Array | undefined
  #begunBytes = 0
  #dropped = 0
  #isDropping = false
  /** The last write ended in the middle of a line, and the rest of that line is lost. */
  #isTorn = false
  /** A write is running in libuv's pool. */
  #isWriting = false
  #retry: NodeJS.Timeout | undefined
  #onIdle: (() => void) | undefined

  constructor({ writes, noteOf, waitingBytesMax = WAITING_BYTES_MAX }: LogOutputOptions) {
    this.#writes = writes
    this.#noteOf = noteOf
    this.#waitingBytesMax = waitingBytesMax
  }

  /** Takes a line with its line feed. Never waits and never throws. */
  readonly write = (line: string): void => {
    this.#take(line)
    if (this.#retry === undefined) this.#send()
  }

  /** Fulfils when nothing waits, or after `waitMs`, for a process that goes on without this output. */
  idle(waitMs: number): Promise<void> {
    this.#noteDropped()
    if (this.#retry === undefined) this.#send()
    if (!this.#isWriting && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#onIdle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Writes what can be written before the process ends, for a bounded time. Blocks the thread. */
  readonly end = (): void => {
    const { descriptor, writeSync: writeNow } = this.#writes
    clearTimeout(this.#retry)
    this.#noteDropped()
    // The pool finishes its write of the first piece; only the other pieces are written here.
    if (this.#isWriting) this.#finish()
    const startedAt = performance.now()
    let movedAt = startedAt
    for (let bytes = this.#next(); bytes !== undefined; bytes = this.#next()) {
      try {
        this.#advance(writeNow(descriptor.fd, bytes))
        movedAt = performance.now()
      } catch (error) {
        if (!isBusy(error)) return
        if (performance.now() - movedAt > STALLED_END_MS) return
        sleep(END_POLL_MS)
      }
      if (performance.now() - startedAt > SLOW_END_MS) return
    }
  }

  #take(line: string): void {
    const bytes = Buffer.byteLength(line)
    const isFull = this.#waitingBytes + bytes > this.#waitingBytesMax
    this.#isDropping = isFull || (this.#isDropping && this.#isOverHalf())
    if (this.#isDropping) {
      this.#dropped++
      return
    }
    this.#noteDropped()
    this.#put({ text: line, bytes, lines: 1 })
  }

  #isOverHalf(): boolean {
    return this.#waitingBytes > this.#waitingBytesMax / 2
  }

  #noteDropped(): void {
    if (this.#dropped === 0) return
    const text = this.#noteOf(this.#dropped)
    this.#put({ text, bytes: Buffer.byteLength(text), lines: this.#dropped })
    this.#dropped = 0
    this.#isDropping = false
  }

  #put(piece: Piece): void {
    const last = this.#waiting.at(-1)
    const isBegun = this.#waiting.length === 1 && this.#rest !== undefined
    this.#waitingBytes += piece.bytes
    if (last === undefined || isBegun || last.bytes + piece.bytes > WHOLE_BYTES) {
      this.#waiting.push(piece)
      return
    }
    last.text += piece.text
    last.bytes += piece.bytes
    last.lines += piece.lines
  }

  /** Writes until nothing waits, or the reader takes no more. */
  #send(): void {
    const { descriptor, write, writeSync: writeNow } = this.#writes
    while (!this.#isWriting) {
      const bytes = this.#next()
      if (bytes === undefined) return this.#onIdle?.()
      if (!descriptor.neverWaits) {
        this.#isWriting = true
        write(descriptor.fd, bytes, (error, written) => this.#written(error, written))
        return
      }
      try {
        this.#advance(writeNow(descriptor.fd, bytes))
      } catch (error) {
        if (isBusy(error)) return this.#retryLater()
        return this.#lose()
      }
    }
  }

  #written(error: NodeJS.ErrnoException | null, written: number): void {
    this.#isWriting = false
    if (error === null) this.#advance(written)
    else if (isBusy(error)) return this.#retryLater()
    else return this.#lose()
    this.#send()
  }

  /** Tries again later. The timer does not keep the process alive: `end` writes what is left. */
  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#send()
    }, RETRY_MS)
    this.#retry.unref()
  }

  /** Returns the bytes to be written next. */
  #next(): Uint8Array | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    if (this.#rest === undefined) {
      this.#rest = Buffer.from(this.#isTorn ? `\n${first.text}` : first.text)
      this.#begunBytes = this.#rest.length
    }
    return this.#rest
  }

  #advance(written: number): void {
    const rest = this.#rest!.subarray(written)
    if (rest.length > 0) {
      this.#rest = rest
      return
    }
    this.#finish()
    // The reader takes bytes again. The next line may come late, so the note about dropped lines is written now.
    if (!this.#isOverHalf()) this.#noteDropped()
  }

  #finish(): void {
    this.#waitingBytes -= this.#waiting.shift()!.bytes
    this.#rest = undefined
    this.#isTorn = false
  }

  /** A write failed (no reader, full disk): counts waiting lines as dropped; the next line is tried again. */
  #lose(): void {
    this.#isTorn ||= this.#rest !== undefined && this.#rest.length < this.#begunBytes
    for (const { lines } of this.#waiting) this.#dropped += lines
    this.#waiting.length = 0
    this.#waitingBytes = 0
    this.#rest = undefined
    this.#onIdle?.()
  }
}

/** True if the reader takes nothing at the moment. */
function isBusy(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EAGAIN' || code === 'EBUSY' || code === 'EINTR'
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
