// How much a producer has taken that is not settled, and so whether it takes more: bounds in bytes and in records, and when
// callers are asked to wait. Runs in the client. Callers wait from half of a bound on, and go on at a quarter of it, so that
// they do not wake for every batch; beyond the bound, records are refused.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { countOf } from '../../../protocol/text/count-text.ts'
import { deferred, type Deferred } from '../../waiting.ts'
import { producerLimits, type ProducerSettings } from '../options.ts'
import { DrainRate } from './drain-rate.ts'

/** What is accepted and not settled. */
export interface BufferLoad {
  readonly bufferedBytes: number
  readonly bufferedRecords: number
}

export interface BufferRoomOptions {
  readonly stream: string
  readonly load: BufferLoad
  readonly producerSettings: Pick<ProducerSettings, 'bufferBytesMax' | 'bufferRecordsMax'>
  readonly monotonic: () => number
}

export class BufferRoom {
  readonly #options: BufferRoomOptions
  readonly #bytesMax: number
  readonly #recordsMax: number
  /** From these on, callers are asked to wait. */
  readonly #bytesHalf: number
  readonly #recordsHalf: number
  readonly #load: BufferLoad
  readonly #drainRate = new DrainRate()
  /** Bytes accepted so far, as they count in the buffer. */
  #acceptedBytes = 0
  #acceptedThisTurn = 0
  #turn: Deferred<void> | undefined
  #room: Deferred<void> | undefined

  constructor(options: BufferRoomOptions) {
    this.#options = options
    this.#load = options.load
    this.#bytesMax = options.producerSettings.bufferBytesMax
    this.#recordsMax = options.producerSettings.bufferRecordsMax
    this.#bytesHalf = this.#bytesMax / 2
    this.#recordsHalf = this.#recordsMax / 2
  }

  /** Called before a record is taken; answers what `taken` wants to know. Throws `overloaded` where there is no room. */
  claim(): number {
    const { bufferedBytes } = this.#load
    if (bufferedBytes >= this.#bytesMax || this.#load.bufferedRecords >= this.#recordsMax)
      throw this.#overloaded()
    if (bufferedBytes === 0) this.#drainRate.begin(this.#options.monotonic(), this.#acceptedBytes)
    return bufferedBytes
  }

  /** A record was taken. */
  taken(bytesBefore: number): void {
    this.#turn ??= this.#beginTurn()
    const bytes = this.#load.bufferedBytes - bytesBefore
    this.#acceptedThisTurn += bytes
    this.#acceptedBytes += bytes
  }

  /** Undefined while there is room for more; else a promise of it. It never rejects. */
  ready(): Promise<void> | undefined {
    const { bufferedBytes, bufferedRecords } = this.#load
    if (bufferedBytes >= this.#bytesHalf || bufferedRecords >= this.#recordsHalf)
      return (this.#room ??= deferred()).promise
    if (this.#acceptedThisTurn >= producerLimits.turnBytes) return this.#turn?.promise
    return undefined
  }

  /** Something of the buffer was settled. */
  drained(): void {
    this.#drainRate.sample(this.#options.monotonic(), this.#acceptedBytes - this.#load.bufferedBytes)
    if (this.#room === undefined) return
    const { bufferedBytes, bufferedRecords } = this.#load
    if (bufferedBytes < this.#bytesMax / 4 && bufferedRecords < this.#recordsMax / 4) this.end()
  }

  /** Ends all waits. */
  end(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  #beginTurn(): Deferred<void> {
    const turn = deferred<void>()
    setImmediate(() => {
      this.#turn = undefined
      this.#acceptedThisTurn = 0
      turn.resolve()
    })
    return turn
  }

  #overloaded(): MillraceError {
    const { bufferedBytes, bufferedRecords } = this.#load
    const isByBytes = bufferedBytes >= this.#bytesMax
    const [count, noun, limit, max] = isByBytes
      ? ([bufferedBytes, 'byte', 'bufferBytesMax', this.#bytesMax] as const)
      : ([bufferedRecords, 'record', 'bufferRecordsMax', this.#recordsMax] as const)
    const what = isByBytes ? `have ${countOf(count, noun)}` : `are ${countOf(count, noun)}`
    const message =
      `The records for ${JSON.stringify(this.#options.stream)} that wait to be stored ${what}; ` +
      `the limit is ${limit}, ${max}: await ready() before sending more. The record was not taken and is not stored.`
    // Until `ready` would not ask to wait.
    const excessBytes = (bufferedBytes * (count - max / 2)) / count
    const drained = this.#acceptedBytes - bufferedBytes
    const retryAfterMs = this.#drainRate.msFor(excessBytes, this.#options.monotonic(), drained)
    return new MillraceError('overloaded', message, { retryAfterMs })
  }
}
