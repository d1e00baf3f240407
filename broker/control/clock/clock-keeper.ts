// Keeps the broker's time: checks the wall clock every second, stores what is known of it in the data directory, and tells
// the hosts the time. Runs in the controller.
import type { ClockReading } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Time } from '../../time.ts'
import type { ClockJump } from '../../clock/doubting-clock.ts'
import { TrustedTime, type ClockRecord } from '../../clock/trusted-time.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import { formatClockRecord, parseClockRecord } from './clock-record.ts'

const MINUTE_MS = 60_000

/** Interval of looks at the clock. */
const LOOK_EVERY_MS = 1_000
/** Hosts are told the time at every so many looks, and whenever something has changed. */
const TELL_EVERY_LOOKS = 5
/** The record is stored at least this often, and whenever something has changed. */
const SAVE_EVERY_MS = MINUTE_MS

/** A small text that is stored and replaced as a whole. */
export interface ClockNote {
  /** Returns the stored text; undefined where there is none. */
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

  /** Continues from the record that an earlier process has stored. */
  static async open(options: ClockKeeperOptions): Promise<ClockKeeper> {
    const content = await options.note.load()
    const record = content === undefined ? undefined : parseClockRecord(content)
    if (content !== undefined && record === undefined)
      options.log.warn('the stored record of the clock cannot be read: the wall clock is believed')
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
          'the clock has jumped and is not believed yet: arrival times count on from the time before the jump',
        ),
      onBelieved: (jump) =>
        log.warn(shown(jump), 'the clock has stayed where it jumped to: arrival times follow it from now on'),
    })
  }

  /** Milliseconds since the epoch, as far as the wall clock is believed. An arrow function, so that it can be passed on. */
  readonly now = (): number => this.#trusted.now()

  get reading(): ClockReading {
    return this.#trusted.reading
  }

  /** True while the wall clock is believed. */
  get isSettled(): boolean {
    return this.#trusted.isSettled
  }

  /** Starts to look at the clock and to tell the hosts the time. */
  start(fleet: Pick<HostFleet, 'hosts' | 'call'>): void {
    this.#fleet = fleet
    this.#cancelLooks = this.#options.time.every(LOOK_EVERY_MS, () => this.#look())
    this.#save()
  }

  /** Stops looking; fulfils when everything known is stored. */
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
      // A host that misses a call counts on by its monotonic clock, and gets the time again at its next start.
      if (state === 'ready') this.#fleet?.call(hostId, 'followClock', reading).catch(() => {})
    }
  }

  /** Stores the newest record; saves run one after the other. */
  #save(): void {
    this.#savedNow = this.#trusted.now()
    this.#saving = this.#saving.then(async () => {
      try {
        await this.#options.note.save(formatClockRecord(this.#trusted.record))
        this.#hasFailed = false
      } catch (error) {
        // Mostly a full disk, where every save fails the same way, so only the first failure is logged.
        if (!this.#hasFailed)
          this.#options.log.warn({ err: error }, 'the record of the clock could not be stored')
        this.#hasFailed = true
      }
    })
  }
}

function dateOf(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
