// What this copy of the app says of mappings, in the documents that all copies share: each has a part there, and changes no other's. Runs in
// the app. A part is put when what it says has changed, and again before others would take it for that of a copy that is gone.
import { MillraceError, type Client } from 'millrace'
import { functionKinds, type EventSourceCopy, type EventSourceReport } from 'millrace/protocol'
import { COPY_LIFE_MS, mergedReport } from './merged-report.ts'

/** Counters that nothing else has changed with are told so often. */
const COUNTERS_MS = 10_000
/** A part that has not changed is told again so often: several times within its life. */
const RENEW_MS = COPY_LIFE_MS / 3

/** What is told of a mapping. */
export type ToldMapping = Omit<EventSourceCopy, 'at'>

export interface MappingReportsParts {
  readonly client: Pick<Client, 'documents'>
  /** The name of this copy of the app. */
  readonly copy: string
  readonly now: () => number
  /** Whether there is still such a mapping to tell of. */
  readonly isThere: (uuid: string) => boolean
}

interface Part {
  told: ToldMapping
  /** What was put last, and when. */
  put: { readonly said: string; readonly counted: string; readonly at: number } | undefined
  writing: Promise<void> | undefined
}

export class MappingReports {
  readonly #parts: MappingReportsParts
  readonly #told = new Map<string, Part>()

  constructor(parts: MappingReportsParts) {
    this.#parts = parts
  }

  /** Puts what is news. Of what is told while an earlier put is under way, the last counts. Rejects as the broker refuses. */
  async tell(uuid: string, told: ToldMapping): Promise<void> {
    let part = this.#told.get(uuid)
    if (part === undefined) this.#told.set(uuid, (part = { told, put: undefined, writing: undefined }))
    part.told = told
    const own = part
    part.writing ??= this.#write(uuid, own).finally(() => (own.writing = undefined))
    await part.writing
  }

  /** Puts what was told and could not be put. Rejects as the broker refuses. */
  async tellAgain(uuid: string): Promise<void> {
    const part = this.#told.get(uuid)
    if (part !== undefined && part.put?.said !== saidOf(part.told)) await this.tell(uuid, part.told)
  }

  /** This copy goes away: its part goes with it, so that nobody waits for it. Rejects as the broker refuses. */
  async withdraw(uuid: string): Promise<void> {
    const part = this.#told.get(uuid)
    this.#told.delete(uuid)
    if (part === undefined) return
    await part.writing?.catch(() => {})
    if (part.put === undefined || !this.#parts.isThere(uuid)) return
    await this.#change(uuid, ({ [this.#parts.copy]: _, ...others }) => others)
  }

  /** There is no such mapping any more. */
  forget(uuid: string): void {
    this.#told.delete(uuid)
  }

  async #write(uuid: string, part: Part): Promise<void> {
    const { copy, now, isThere } = this.#parts
    for (;;) {
      const { told } = part
      const next = { said: saidOf(told), counted: JSON.stringify(told.counters), at: now() }
      if (!isNews(part.put, next) || this.#told.get(uuid) !== part || !isThere(uuid)) return
      await this.#change(uuid, (copies) => ({ ...copies, [copy]: { ...told, at: next.at } }))
      part.put = next
    }
  }

  async #change(
    uuid: string,
    change: (copies: Readonly<Record<string, EventSourceCopy>>) => Readonly<Record<string, EventSourceCopy>>,
  ): Promise<void> {
    const { client, now } = this.#parts
    const documents = client.documents<EventSourceReport>(functionKinds.reports)
    try {
      await documents.update(uuid, (found) => {
        const merged = mergedReport(change(found?.copies ?? {}), found, now())
        if (merged === undefined) throw new NothingToTell()
        return merged
      })
    } catch (error) {
      // The client closes with the app.
      if (!(error instanceof NothingToTell) && !MillraceError.is(error, 'closed')) throw error
    }
  }
}

/** The report is gone, and there is no copy that one could be of. */
class NothingToTell extends Error {}

/** What is told beside counters and times. */
function saidOf({ version, state, lastResult, reason }: ToldMapping): string {
  return JSON.stringify([version, state, lastResult, reason])
}

function isNews(before: Part['put'], next: NonNullable<Part['put']>): boolean {
  if (before === undefined || before.said !== next.said) return true
  return next.at - before.at >= (before.counted === next.counted ? RENEW_MS : COUNTERS_MS)
}
