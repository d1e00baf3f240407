// The clock of the broker at work: looks at it every second, keeps what is known of it in the data directory, and tells the hosts.
// Runs in the controller.
import type { ClockReading } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Time } from '../../time.ts'
import type { ClockJump } from '../../clock/doubting-clock.ts'
import { TrustedTime, type ClockRecord } from '../../clock/trusted-time.ts'
import type { HostFleet } from '../fleet.ts'
import { formatClockRecord, parseClockRecord } from './clock-record.ts'

const MINUTE_MS = 60_000

/** Between two looks at the clock. */
const LOOK_EVERY_MS = 1_000
/** Between two times that hosts are told what time it is, where nothing has changed. */
const TELL_EVERY_LOOKS = 5
/** It is written down when so much time has passed, where nothing else has changed. */
const SAVE_EVERY_MS = MINUTE_MS

/** A few lines that are kept as a whole. */
export interface ClockNote {
  /** Undefined where there is none. */
  load(): Promise<string | undefined>
  save(content: string): Promise<void>
}

export interface ClockKeeperOptions {
  readonly time: Time
  readonly note: ClockNote
  readonly log: Logger
}

export class ClockKeeper {
  readonly #options: ClockKeeperOptions
  readonly #trusted: TrustedTime
  #fleet: Pick<HostFleet, 'hosts' | 'call'> | undefined
  #cancelLooks: () => void = () => {}
  #looks = 0
  #savedNow = 0
  #isChanged = false
  #saving: Promise<void> = Promise.resolve()
  #hasFailed = false

  /** Goes on from what an earlier process has written down. */
  static async open(options: ClockKeeperOptions): Promise<ClockKeeper> {
    const content = await options.note.load()
    const record = content === undefined ? undefined : parseClockRecord(content)
    if (content !== undefined && record === undefined)
      options.log.warn('what was known of the clock cannot be read: the clock is believed as it is')
    return new ClockKeeper(options, record)
  }

  private constructor(options: ClockKeeperOptions, record: ClockRecord | undefined) {
    const { time, log } = options
    this.#options = options
    const shown = ({ clock, expected }: ClockJump) => ({ clock: dateOf(clock), expected: dateOf(expected) })
    this.#trusted = new TrustedTime({
      time,
      record,
      onChange: () => (this.#isChanged = true),
      onDoubt: (jump) =>
        log.warn(
          shown(jump),
          'the clock has jumped: it is not believed yet, and records arrive by the time that has passed, unless it is set right',
        ),
      onBelieved: (jump) =>
        log.warn(shown(jump), 'the clock that jumped has stayed there: records arrive by it from now on'),
    })
  }

  /** Milliseconds since the epoch, as far as the wall clock is believed. Bound, so that it can be handed on. */
  readonly now = (): number => this.#trusted.now()

  get reading(): ClockReading {
    return this.#trusted.reading
  }

  /** True while the wall clock is believed. */
  get isSettled(): boolean {
    return this.#trusted.isSettled
  }

  /** Looks at the clock from now on, and tells the hosts. */
  start(fleet: Pick<HostFleet, 'hosts' | 'call'>): void {
    this.#fleet = fleet
    this.#cancelLooks = this.#options.time.every(LOOK_EVERY_MS, () => this.#look())
    this.#save()
  }

  /** Fulfils when all that is known is written down. */
  async stop(): Promise<void> {
    this.#cancelLooks()
    this.#save()
    await this.#saving
  }

  #look(): void {
    const reading = this.#trusted.look()
    const looks = this.#looks++
    const isChanged = this.#isChanged
    this.#isChanged = false
    if (isChanged || Math.abs(reading.now - this.#savedNow) >= SAVE_EVERY_MS) this.#save()
    if (isChanged || looks % TELL_EVERY_LOOKS === 0) this.#tell(reading)
  }

  #tell(reading: ClockReading): void {
    for (const { hostId, state } of this.#fleet?.hosts ?? []) {
      // One that does not hear of it goes by its own monotonic clock, and its next start brings the time along.
      if (state === 'ready') this.#fleet?.call(hostId, 'followClock', reading).catch(() => {})
    }
  }

  /** One at a time, each with the newest. */
  #save(): void {
    this.#savedNow = this.#trusted.now()
    this.#saving = this.#saving.then(async () => {
      try {
        await this.#options.note.save(formatClockRecord(this.#trusted.record))
        this.#hasFailed = false
      } catch (error) {
        // A full disk, mostly, and then every time alike.
        if (!this.#hasFailed) this.#options.log.warn({ err: error }, 'the time could not be written down')
        this.#hasFailed = true
      }
    })
  }
}

function dateOf(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
