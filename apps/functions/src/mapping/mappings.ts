// All mappings of a broker: each that is enabled is run, and what becomes of each is reported. Runs in the app. Definitions are followed as documents:
// a change restarts a mapping, where it went on; one that is marked for its end is removed when nobody reads for it any more.
import { MillraceError, type KeptDocuments } from 'millrace'
import {
  functionKinds,
  MAPPING_BEING_MADE,
  type EventSourceMapping,
  type EventSourceReport,
  type FunctionDefinition,
} from 'millrace/protocol'
import { finishDeletion, giveUpMaking } from '../definitions/deletion.ts'
import { MappingRun, type MappingParts } from './mapping-run.ts'

/** How often reports are looked at, and deletions tried again. */
const LOOK_MS = 2000
/** Counters that nothing else has changed with are told so often. */
const COUNTERS_MS = 10_000
/** Copies that were not heard of for so long are left out. */
const COPY_LIFE_MS = 60_000
/** Making a mapping takes no longer. */
const MAKING_MS = 120_000

interface Entry {
  /** When the mapping was first seen. */
  readonly since: number
  run: MappingRun | undefined
  /** What the run was begun with. */
  begun: string | undefined
  /** Changes of one mapping are made one after the other. */
  line: Promise<void>
  reported: string | undefined
  /** The counters that were told last, and when. */
  counted: { readonly text: string; readonly at: number } | undefined
}

export class Mappings {
  readonly #parts: MappingParts
  readonly #entries = new Map<string, Entry>()
  readonly #kept: KeptDocuments<EventSourceMapping>
  readonly #functions: KeptDocuments<FunctionDefinition>
  readonly #timer: NodeJS.Timeout
  /** The name of this copy of the app. */
  readonly #copy: string
  #isClosed = false

  private constructor(
    parts: MappingParts,
    kept: KeptDocuments<EventSourceMapping>,
    functions: KeptDocuments<FunctionDefinition>,
  ) {
    this.#parts = parts
    this.#copy = parts.uuid()
    this.#kept = kept
    this.#functions = functions
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Runs every mapping that is enabled, from now on. Rejects if the broker cannot be asked. */
  static async open(parts: MappingParts): Promise<Mappings> {
    const { client, warn } = parts
    const onLost = (error: Error): void => warn('Event source mappings are followed anew.', error)
    const kept = await client.documents<EventSourceMapping>(functionKinds.mappings).keep({ onLost })
    const functions = await client.documents<FunctionDefinition>(functionKinds.functions).keep({ onLost })
    const mappings = new Mappings(parts, kept, functions)
    kept.onChange((uuid) => mappings.#changed(uuid))
    functions.onChange((name) => mappings.#functionChanged(name))
    for (const [uuid] of kept.entries()) mappings.#changed(uuid)
    return mappings
  }

  /** Lets calls under way end, gives all shards back, and ends. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await Promise.all([this.#kept.close(), this.#functions.close()])
    await Promise.all(
      [...this.#entries.values()].map(async (entry) => {
        await entry.line
        await entry.run?.stop()
      }),
    )
  }

  #changed(uuid: string): void {
    let entry = this.#entries.get(uuid)
    if (entry === undefined) {
      entry = {
        since: this.#parts.now(),
        run: undefined,
        begun: undefined,
        line: Promise.resolve(),
        reported: undefined,
        counted: undefined,
      }
      this.#entries.set(uuid, entry)
    }
    const own = entry
    own.line = own.line
      .then(() => this.#apply(uuid, own))
      .catch((error: unknown) =>
        this.#parts.warn(`The event source mapping ${uuid} could not be changed.`, error),
      )
  }

  #functionChanged(name: string): void {
    for (const [uuid, { value }] of this.#kept.entries()) if (value.function === name) this.#changed(uuid)
  }

  async #apply(uuid: string, entry: Entry): Promise<void> {
    if (this.#isClosed) return
    const mapping = this.#kept.get(uuid)
    const wanted = mapping === undefined ? undefined : runnable(mapping)
    const isThere = mapping !== undefined && this.#functions.get(mapping.function) !== undefined
    if (mapping !== undefined && isThere && wanted !== undefined && wanted === entry.begun) {
      entry.run?.skip(mapping)
      return
    }
    const { run } = entry
    entry.run = undefined
    entry.begun = undefined
    await run?.stop()
    if (mapping === undefined) {
      this.#entries.delete(uuid)
      return
    }
    if (mapping.state === 'deleting') {
      await finishDeletion(this.#parts.client, uuid)
      return
    }
    if (mapping.version === MAPPING_BEING_MADE) {
      if (this.#isAbandoned(entry)) await giveUpMaking(this.#parts.client, uuid)
      return
    }
    if (wanted === undefined) return this.#tell(uuid, entry, { ...told(mapping), state: 'disabled' })
    if (!isThere) {
      const reason = `There is no function ${mapping.function}.`
      return this.#tell(uuid, entry, { ...told(mapping), state: 'refused', reason })
    }
    try {
      entry.run = MappingRun.start(this.#parts, uuid, mapping)
      entry.begun = wanted
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      await this.#tell(uuid, entry, { ...told(mapping), state: 'refused', reason })
    }
  }

  /** True where whoever makes a mapping has not done so in a long time: it has died on the way. */
  #isAbandoned({ since }: Entry): boolean {
    return this.#parts.now() - since > MAKING_MS
  }

  /** Reports what has changed, and ends what is to be ended. */
  #look(): void {
    for (const [uuid, entry] of this.#entries) {
      const mapping = this.#kept.get(uuid)
      const isMade = mapping?.version !== MAPPING_BEING_MADE
      if (mapping?.state === 'deleting' || (!isMade && this.#isAbandoned(entry))) this.#changed(uuid)
      const { run } = entry
      if (run === undefined) continue
      void run
        .report()
        .then(({ at: _, ...report }) => (entry.run === run ? this.#tell(uuid, entry, report) : undefined))
        .catch((error: unknown) =>
          this.#parts.warn(`The event source mapping ${uuid} could not be reported on.`, error),
        )
    }
  }

  /** Puts what has changed. Other copies of the app report on the same mapping: their counters stay. */
  async #tell(uuid: string, entry: Entry, report: Omit<EventSourceReport, 'at' | 'copies'>): Promise<void> {
    const { client, now } = this.#parts
    const text = JSON.stringify(report)
    const counters = entry.run?.meter.counters
    const counted = JSON.stringify(counters)
    const at = now()
    const isCounted = entry.counted !== undefined && at - entry.counted.at < COUNTERS_MS
    if (entry.reported === text && (isCounted || entry.counted?.text === counted)) return
    entry.reported = text
    entry.counted = { text: counted, at }
    try {
      await client.documents<EventSourceReport>(functionKinds.reports).update(uuid, (found) => ({
        ...report,
        copies: {
          ...Object.fromEntries(
            Object.entries(found?.copies ?? {}).filter(([, copy]) => at - copy.at < COPY_LIFE_MS),
          ),
          ...(counters !== undefined && { [this.#copy]: { ...counters, at } }),
        },
        at,
      }))
    } catch (error) {
      entry.reported = undefined
      // The client closes with the app.
      if (!MillraceError.is(error, 'closed')) throw error
    }
  }
}

/** What makes a mapping another one, as a text; undefined if it is not to be run. */
function runnable(mapping: EventSourceMapping): string | undefined {
  if (mapping.state !== 'enabled') return undefined
  const { skips: _, updatedAt: __, version: ___, tags: ____, ...rest } = mapping
  return JSON.stringify(rest)
}

function told({ version }: EventSourceMapping): Pick<EventSourceReport, 'version' | 'lastResult'> {
  return { version, lastResult: 'No records processed' }
}
