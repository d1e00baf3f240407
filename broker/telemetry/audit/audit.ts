// Writes down who did or tried what: one structured line for each event of the table. Runs in every process that listens.
// Lines go to a file of their own or into the log of the process, marked `log: "audit"`, whatever its level. Writing never
// waits: what the disk does not take in time is dropped beyond a bound, and a line in its place says how many were.
import type { Time } from '../../time.ts'
import type { Instruments } from '../instruments.ts'
import type { Logger } from '../log.ts'
import { AuditBudget } from './budget.ts'
import { auditEvents, type AuditEvent, type AuditEventName } from './events.ts'

/** What a line says beside its code and its event; what is not known is left out. */
export interface AuditFacts {
  /** Who asked; undefined for somebody who did not say. */
  readonly principal?: string | undefined
  /** The principal that acted as the one above, and whose the credential is. */
  readonly actor?: string | undefined
  /** The public id of the credential, never the credential. */
  readonly credential?: string | undefined
  readonly address?: string | undefined
  readonly session?: number | undefined
  readonly operation?: string | undefined
  /** The name of what it is about. */
  readonly resource?: string | undefined
  /** `done`, or the code of the error that was answered. */
  readonly outcome: string
  /** What was there before, for a change. */
  readonly from?: unknown
  /** What was asked for. */
  readonly to?: unknown
  readonly detail?: string | undefined
}

/** Where events are told. */
export interface Audit {
  record(event: AuditEventName, facts: AuditFacts): void
}

/** Tells nobody. */
export const noAudit: Audit = { record: () => {} }

export interface AuditTrailOptions {
  readonly log: Logger
  readonly metrics: Pick<Instruments, 'millrace_audit_events_total'>
  readonly time: Pick<Time, 'elapsed' | 'every'>
}

/** Lines of one source and event in a window; a count of the further ones follows. */
const REPEATED = { linesMax: 10, windowMs: 60_000, windowsMax: 4096 }
/** How late that count may be. */
const LOOK_MS = 5_000

export class AuditTrail implements Audit {
  readonly #options: AuditTrailOptions
  readonly #log: Logger
  readonly #budget: AuditBudget<AuditEventName>
  readonly #stop: () => void

  constructor(options: AuditTrailOptions) {
    const { log, time } = options
    this.#options = options
    this.#log = log.level === 'silent' ? log : log.child({}, { level: 'info' })
    this.#budget = new AuditBudget({ ...REPEATED, elapsed: time.elapsed })
    this.#stop = time.every(LOOK_MS, () => this.#tellLeftOut(this.#budget.ended()))
  }

  record(event: AuditEventName, facts: AuditFacts): void {
    this.#options.metrics.millrace_audit_events_total.add(1, event)
    const { limited }: AuditEvent = auditEvents[event]
    const source = facts.principal ?? facts.address ?? ''
    if (limited && !this.#budget.admits(event, source)) return
    this.#write(event, facts, facts.outcome)
  }

  /** Tells what was left out so far. */
  close(): void {
    this.#stop()
    this.#tellLeftOut(this.#budget.ended({ all: true }))
  }

  #tellLeftOut(ended: ReturnType<AuditBudget<AuditEventName>['ended']>): void {
    for (const { event, source, lines } of ended) {
      this.#write(event, { source, leftOut: lines }, `${lines} more from ${source} were left out`)
    }
  }

  #write(event: AuditEventName, facts: object, what: string): void {
    const { code } = auditEvents[event]
    this.#log.info({ log: 'audit', code, event, ...facts }, `${code} ${event}: ${what}`)
  }
}
