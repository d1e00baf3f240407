// Opens the audit trail of a process: into a file of its own, or into the log. Runs in every process that listens.
import type { Time } from '../../time.ts'
import type { Instruments } from '../instruments.ts'
import { createLogOn, type Logger } from '../log.ts'
import { AuditTrail } from './audit.ts'
import { openAuditFile } from './file.ts'

export interface OpenAuditOptions {
  /** The file; undefined for the log. */
  readonly path: string | undefined
  /** The name of this process in every line of the file. */
  readonly process: string
  readonly log: Logger
  readonly metrics: Instruments
  readonly time: Time
}

export interface OpenAudit {
  readonly audit: AuditTrail
  /** Fulfils when what waits is written, or after a bounded time. */
  close(): Promise<void>
}

/** Throws the system's error where the file cannot be opened. */
export function openAudit({ path, process, log, metrics, time }: OpenAuditOptions): OpenAudit {
  if (path === undefined) {
    const audit = new AuditTrail({ log, metrics, time })
    return { audit, close: async () => audit.close() }
  }
  const file = openAuditFile(path, time.elapsed)
  const { log: lines, close: closeLines } = createLogOn(file, { process })
  const audit = new AuditTrail({ log: lines, metrics, time })
  const close = async (): Promise<void> => {
    audit.close()
    await closeLines()
    file.close()
  }
  return { audit, close }
}
