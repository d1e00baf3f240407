// Keeps the certificates of the TLS directory as of now. Runs in the controller, which hands new ones to its ports and to the
// hosts: all processes have the same, and none of the others reads the key from disk. Files are looked at when the system tells of
// a change, and every few seconds in any case, because it does not tell of every one: a mounted volume swaps a symbolic link.
// While what is there does not fit together, the certificates of before go on.
import { watch, type FSWatcher } from 'node:fs'
import type { Logger } from 'pino'
import { refusal } from '../../../protocol/refusal.ts'
import type { ClientCertificates, ServedCertificates } from '../../certificates-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Time } from '../../time.ts'
import { CertificateFault, readCertificateFiles, type CertificateFiles } from './certificate-files.ts'

export interface CertificateWatchOptions {
  readonly directory: string
  readonly clients: ClientCertificates
  readonly time: Time
  readonly log: Logger
  readonly metrics: Instruments
}

/** How often the files are read, whether the system tells of a change or not. */
const LOOK_EVERY_MS = 5_000
/** Files of one pair are replaced one after the other. */
const SETTLE_MS = 200
const DAY_MS = 86_400_000
const WARN_BEFORE_MS = 14 * DAY_MS

export class CertificateWatch {
  readonly #options: CertificateWatchOptions
  readonly #listeners = new Set<(certificates: ServedCertificates) => void>()
  readonly #stopLooking: () => void
  #files: CertificateFiles
  #watcher: FSWatcher | undefined
  #cancelSoon: (() => void) | undefined
  #looking: Promise<void> = Promise.resolve()
  /** What was wrong at the last look. */
  #fault: string | undefined
  #toldFault: string | undefined
  #toldExposure: string | undefined
  /** What was said last of the expiry, and when. */
  #warned: { readonly how: string; readonly at: number } | undefined
  #isClosed = false

  private constructor(options: CertificateWatchOptions, files: CertificateFiles) {
    this.#options = options
    this.#files = files
    this.#stopLooking = options.time.every(LOOK_EVERY_MS, () => void this.#look())
    this.#watch()
    this.#tellExpiry()
    this.#tellExposure(files)
  }

  /** Reads the directory, and watches it until `close`. Rejects with `invalidArgument` where it cannot be used. */
  static async open(options: CertificateWatchOptions): Promise<CertificateWatch> {
    try {
      return new CertificateWatch(options, await readCertificateFiles(options.directory, options.clients))
    } catch (error) {
      if (!(error instanceof CertificateFault)) throw error
      throw refusal('invalidArgument', error.message, { cause: error })
    }
  }

  get current(): ServedCertificates {
    return this.#files.served
  }

  /** Path of the certificate of the broker's authority, if the directory has it. */
  get authority(): string | undefined {
    return this.#files.authority
  }

  /** The listener is called with every certificate that replaces another. */
  onRenewed(listener: (certificates: ServedCertificates) => void): void {
    this.#listeners.add(listener)
  }

  /** Looks at the files now, because somebody asks for it; the log says what came of it. */
  async reload(): Promise<void> {
    const before = this.#files
    await this.#look()
    if (this.#fault !== undefined) this.#tellFault(this.#fault)
    else if (before === this.#files) this.#options.log.info('the certificates have not changed')
  }

  close(): void {
    this.#isClosed = true
    this.#stopLooking()
    this.#cancelSoon?.()
    this.#watcher?.close()
  }

  #watch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    try {
      const watcher = watch(this.#options.directory, { persistent: false }, () => this.#lookSoon())
      // What cannot be watched any more is looked at every few seconds all the same.
      watcher.on('error', () => watcher.close())
      this.#watcher = watcher
    } catch {
      // As above.
    }
  }

  #lookSoon(): void {
    this.#cancelSoon ??= this.#options.time.after(SETTLE_MS, () => {
      this.#cancelSoon = undefined
      void this.#look()
    })
  }

  /** Looks once more after a look that is under way. Never rejects. */
  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookOnce())
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    if (this.#isClosed) return
    const { directory, clients, log } = this.#options
    try {
      const files = await readCertificateFiles(directory, clients)
      if (this.#isClosed) return
      this.#fault = this.#toldFault = undefined
      if (!isSame(files.served, this.#files.served)) this.#take(files)
      this.#tellExposure(files)
    } catch (error) {
      const { message } = error as Error
      // Half a pair is there for a moment whenever files are replaced; what is there twice has come to stay.
      if (message === this.#fault) this.#tellFault(message)
      this.#fault = message
      if (!(error instanceof CertificateFault)) log.error({ err: error }, 'the certificates cannot be read')
    }
    this.#tellExpiry()
  }

  #take(files: CertificateFiles): void {
    this.#files = files
    this.#warned = undefined
    // The directory itself may have been replaced, and the old one is what was watched.
    this.#watch()
    this.#options.log.info({ expires: this.#expires() }, 'new certificates: new connections get them')
    for (const listener of this.#listeners) listener(files.served)
  }

  #tellFault(fault: string): void {
    if (fault === this.#toldFault) return
    this.#toldFault = fault
    this.#options.log.warn(`the certificates on disk are not used, and those of before go on: ${fault}`)
  }

  /** Once for each change: the key may be on a volume whose modes stay as they are. */
  #tellExposure({ exposure }: CertificateFiles): void {
    if (exposure !== undefined && exposure !== this.#toldExposure) this.#options.log.warn(exposure)
    this.#toldExposure = exposure
  }

  #tellExpiry(): void {
    const { metrics, time, log } = this.#options
    const now = time.now()
    metrics.millrace_tls_certificate_expiry_seconds.replace(
      Array.from(this.#files.expiry, ([file, at]) => [file, Math.floor((at - now) / 1000)] as const),
    )
    const first = Math.min(...this.#files.expiry.values())
    if (first - now > WARN_BEFORE_MS) return
    const how = first <= now ? 'has expired: clients refuse it' : 'expires soon'
    if (this.#warned?.how === how && now - this.#warned.at < DAY_MS) return
    this.#warned = { how, at: now }
    log.warn({ expires: this.#expires() }, `a certificate of the TLS directory ${how}`)
  }

  #expires(): Readonly<Record<string, string>> {
    const entries = Array.from(
      this.#files.expiry,
      ([file, at]) => [file, new Date(at).toISOString()] as const,
    )
    return Object.fromEntries(entries)
  }
}

function isSame(a: ServedCertificates, b: ServedCertificates): boolean {
  return a.cert === b.cert && a.key === b.key && a.clientsCa === b.clientsCa
}
