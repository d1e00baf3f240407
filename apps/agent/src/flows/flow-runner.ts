// Keeps one flow running: opens its files, runs it, and begins anew where something unforeseen ends it, so that no flow stops in silence.
// Gathers what the status page shows of it. Runs in the process of the agent.
import { destinationWords } from '../config/flow-bounds.ts'
import type { FlowConfig } from '../config/index.ts'
import type { FileStatus } from '../files/file-status.ts'
import { FlowFiles } from '../files/flow-files.ts'
import type { Disk } from '../files/disk.ts'
import type { FlowPositions } from '../positions/flow-positions.ts'
import type { AgentRim } from '../rim.ts'
import type { BrokerTrouble } from '../send/broker-troubles.ts'
import type { SendEvents, Sender } from '../send/sender.ts'
import { FileProgress } from '../status/file-progress.ts'
import type { FlowSnapshot } from '../status/snapshot.ts'
import { Flow, type FlowEvent } from './flow.ts'
import { emptyTally } from './tally.ts'

export type AgentLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void

export interface FlowRunnerOptions {
  readonly config: FlowConfig
  readonly positions: FlowPositions
  readonly makeSender: (events: SendEvents) => Sender
  /** What the client of the broker waits for at the moment. */
  readonly troubleOfBroker?: () => BrokerTrouble | undefined
  /** Why the broker was never reached so far. */
  readonly absenceOfBroker?: () => string | undefined
  readonly disk: Disk
  readonly rim: AgentRim
  readonly isOnce: boolean
  /** A file that has more to deliver stands still when nothing of it was delivered for this time. */
  readonly standsAfterMs: number
  readonly log: AgentLog
}

/** Files of a flow of which the system tells at once that they changed: it has few watches, for all programs. */
const WATCHES_MAX = 128

const RESTART_BACKOFF = { firstMs: 1000, mostMs: 60_000 } as const

export class FlowRunner {
  readonly #options: FlowRunnerOptions
  readonly #progress: FileProgress
  readonly #tally = emptyTally()
  readonly #sender: Sender
  #files: FlowFiles | undefined
  #flow: Flow | undefined
  /** Why sending waits, where that passes by itself. */
  #waits: string | undefined
  #failure: string | undefined
  #lastError: FlowSnapshot['lastError']
  #told = { read: 0, skipped: 0 }
  #consecutiveProcessingErrors = 0
  /** Files of which it was told that they are gone unread. */
  #toldLost: ReadonlySet<string | undefined> = new Set()

  constructor(options: FlowRunnerOptions) {
    this.#options = options
    this.#progress = new FileProgress(options.standsAfterMs)
    this.#sender = options.makeSender({
      attempted: (records, refused) => {
        this.#tally.recordSendAttempts += records
        this.#tally.recordSendErrors += refused
      },
      failed: () => {
        this.#tally.serviceErrors += 1
      },
      waits: (reason) => {
        this.#waits = reason
        if (reason !== undefined) this.#noteError(reason)
      },
    })
  }

  /**
   * Runs until `reading` aborts and what is on its way is delivered, or `sending` aborts; with `isOnce` until all that was there is
   * delivered. Rejects with `isOnce` alone, with what the flow cannot go on from.
   */
  async run(reading: AbortSignal, sending: AbortSignal): Promise<void> {
    const { rim, isOnce, log, config } = this.#options
    let waitMs: number = RESTART_BACKOFF.firstMs
    try {
      for (;;) {
        const sentBefore = this.#tally.recordsSent
        try {
          this.#failure = undefined
          await this.#runOnce(reading, sending)
          return
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error)
          if (sending.aborted || (reading.aborted && !isOnce)) return
          this.#failure = message
          this.#noteError(message)
          if (isOnce) throw error
          // What ends a flow that went on since is not what ended it before.
          if (this.#tally.recordsSent > sentBefore) waitMs = RESTART_BACKOFF.firstMs
          log('error', `The flow ${config.name} begins anew in ${waitMs} ms: ${message}`)
          await rim.wait(waitMs, reading)
          if (reading.aborted) return
          waitMs = Math.min(2 * waitMs, RESTART_BACKOFF.mostMs)
        }
      }
    } finally {
      await this.#sender.close()
    }
  }

  /** A look at the files, for the watchdog: logs what began to stand still, and why, and what moves again. */
  look(): void {
    const { rim, log, config } = this.#options
    const files = this.#fileStatus()
    const turns = this.#progress.look(files, rim.monotonic(), rim.now())
    for (const { file, stands } of turns) {
      const why = this.#reason() ?? file.reason
      if (stands)
        log(
          'warn',
          `${file.path} has ${file.lagBytes} bytes more, and nothing of it is delivered by ${config.name}: ${why}`,
        )
      else log('info', `${file.path} is delivered again by ${config.name}.`)
    }
    this.#tellOfLost(files)
    this.#lookAtProcessing()
  }

  snapshot(): FlowSnapshot {
    const { config } = this.#options
    const { type, name } = config.destination
    return {
      name: config.name,
      destination: `${destinationWords[type]}, ${name}`,
      state: this.#failure === undefined ? (this.#flow?.state ?? 'resuming') : 'failed',
      reason: this.#reason(),
      tally: this.#tally,
      consecutiveProcessingErrors: this.#consecutiveProcessingErrors,
      onItsWay: this.#flow?.onItsWay ?? { chunks: 0, bytes: 0 },
      lastError: this.#lastError,
      files: this.#progress.files,
    }
  }

  async #runOnce(reading: AbortSignal, sending: AbortSignal): Promise<void> {
    const { config, positions, disk, rim, isOnce } = this.#options
    const { filePattern, skipHeaderLines, dataBytesMax: recordBytesMax, pollMsMin, refreshMsMax } = config
    const multiLineStart = config.multiLineStart?.part
    const footer = config.footer?.part
    const flow = {
      filePattern,
      initialPosition:
        config.initialPosition ?? (isOnce ? ('START_OF_FILE' as const) : ('END_OF_FILE' as const)),
      ...(multiLineStart !== undefined && { multiLineStart }),
      ...(footer !== undefined && { footer }),
      skipHeaderLines,
      recordBytesMax,
      truncationTerminator: Buffer.from(config.truncationTerminator),
      keepTerminators: true,
      pollMsMin,
      refreshMsMax,
      once: isOnce,
      // Where a buffer waits longer than for a poll, hints would only make its runs smaller.
      watchesMax: isOnce || config.buffer.ageMs >= pollMsMin ? 0 : WATCHES_MAX,
    }
    await using files = await FlowFiles.open({ flow, positions, rim: { disk, ...rim } })
    this.#files = files
    this.#flow = new Flow({
      config,
      files,
      positions,
      sender: this.#sender,
      tally: this.#tally,
      rim,
      isOnce,
      onEvent: (event) => this.#take(event),
    })
    await this.#flow.run(reading, sending)
  }

  #take(event: FlowEvent): void {
    const { log, config } = this.#options
    switch (event.type) {
      case 'fault':
        this.#noteError(event.message)
        log('warn', `The flow ${config.name} waits: ${event.message}`)
        return
      case 'recovered':
        log('info', `The flow ${config.name} goes on.`)
        return
      case 'lost':
        this.#noteError(event.message)
        log('error', event.message)
    }
  }

  /** A file may be read to its end, and yet be held by the destination: files do not know of what is on its way. */
  #fileStatus(): readonly FileStatus[] {
    const held = this.#flow?.fault ?? this.#waits ?? this.#troubleOfBroker()
    const all = this.#files?.status() ?? []
    if (held === undefined) return all
    return all.map((file) =>
      file.offset > file.confirmedOffset ? { ...file, state: 'destination', reason: held } : file,
    )
  }

  /** With `isOnce` they are among what has failed at the end. */
  #tellOfLost(files: readonly FileStatus[]): void {
    const { log, config, isOnce } = this.#options
    const lost = files.filter(({ state }) => state === 'vanished')
    for (const { file, path, reason } of lost)
      if (!isOnce && !this.#toldLost.has(file)) log('error', `${path} of ${config.name}: ${reason}`)
    this.#toldLost = new Set(lost.map(({ file }) => file))
  }

  /** Records that processing skips are told once a look, however many they are. */
  #lookAtProcessing(): void {
    const { log, config } = this.#options
    const { recordsRead: read, recordsSkipped: skipped } = this.#tally
    const newlyRead = read - this.#told.read
    const newlySkipped = skipped - this.#told.skipped
    this.#told = { read, skipped }
    if (newlyRead > 0)
      this.#consecutiveProcessingErrors = newlySkipped < newlyRead ? 0 : this.#consecutiveProcessingErrors + 1
    if (newlySkipped > 0)
      log(
        'warn',
        `${newlySkipped} of ${newlyRead} records of ${config.name} are not as its processing wants them, and were skipped.`,
      )
  }

  #reason(): string | undefined {
    return this.#failure ?? this.#flow?.fault ?? this.#waits ?? this.#troubleOfBroker()
  }

  /** What holds up what is on its way: a trouble that came after the last chunk was delivered. */
  #troubleOfBroker(): string | undefined {
    const absence = this.#options.absenceOfBroker?.()
    if (absence !== undefined) return absence
    if (this.#flow === undefined || this.#flow.onItsWay.chunks === 0) return undefined
    const trouble = this.#options.troubleOfBroker?.()
    return trouble === undefined || trouble.at < this.#flow.deliveredAt ? undefined : trouble.message
  }

  #noteError(message: string): void {
    this.#lastError = { at: this.#options.rim.now(), message }
  }
}
