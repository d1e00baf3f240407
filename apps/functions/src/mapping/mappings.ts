// All mappings of a broker: each that is enabled is run, and what becomes of each is reported. Runs in the app. Definitions are followed as documents:
// a change restarts a mapping, where it went on; one that is marked for its end is removed when nobody reads for it any more.
import type { KeptDocuments } from 'millrace'
import {
  functionKinds,
  MAPPING_BEING_MADE,
  type EventSourceMapping,
  type FunctionDefinition,
} from 'millrace/protocol'
import { finishDeletion, giveUpMaking } from '../definitions/deletion.ts'
import { MappingMeter } from '../reports/mapping-meter.ts'
import { MappingReports, type ToldMapping } from '../reports/mapping-reports.ts'
import { MappingRun, type MappingParts } from './mapping-run.ts'

/** How often reports are looked at, and deletions tried again. */
const LOOK_MS = 2000
/** Making a mapping takes no longer. */
const MAKING_MS = 120_000

interface Entry {
  /** When the mapping was first seen. */
  readonly since: number
  /** What this copy has done for it, through changes. */
  readonly meter: MappingMeter
  run: MappingRun | undefined
  /** What the run was begun with. */
  begun: string | undefined
  /** Changes of one mapping are made one after the other. */
  line: Promise<void>
}

export class Mappings {
  readonly #parts: MappingParts
  readonly #entries = new Map<string, Entry>()
  readonly #kept: KeptDocuments<EventSourceMapping>
  readonly #functions: KeptDocuments<FunctionDefinition>
  readonly #timer: NodeJS.Timeout
  readonly #reports: MappingReports
  #isClosed = false

  private constructor(
    parts: MappingParts,
    kept: KeptDocuments<EventSourceMapping>,
    functions: KeptDocuments<FunctionDefinition>,
  ) {
    this.#parts = parts
    this.#reports = new MappingReports({
      client: parts.client,
      copy: parts.uuid(),
      now: parts.now,
      isThere: (uuid) => (kept.get(uuid)?.state ?? 'deleting') !== 'deleting',
    })
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
      [...this.#entries].map(async ([uuid, entry]) => {
        await entry.line
        await entry.run?.stop()
        // It is left out in the end.
        await this.#reports.withdraw(uuid).catch(() => {})
      }),
    )
  }

  #changed(uuid: string): void {
    let entry = this.#entries.get(uuid)
    if (entry === undefined) {
      entry = {
        since: this.#parts.now(),
        meter: new MappingMeter(),
        run: undefined,
        begun: undefined,
        line: Promise.resolve(),
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
      this.#reports.forget(uuid)
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
    const told = (state: ToldMapping['state'], reason?: string): Promise<void> =>
      this.#reports.tell(uuid, {
        version: mapping.version,
        state,
        ...entry.meter.last,
        counters: entry.meter.counters,
        ...(reason !== undefined && { reason }),
      })
    if (wanted === undefined) return told('disabled')
    if (!isThere) return told('refused', `There is no function ${mapping.function}.`)
    try {
      entry.run = MappingRun.start(this.#parts, { uuid, mapping, meter: entry.meter })
      entry.begun = wanted
    } catch (error) {
      await told('refused', error instanceof Error ? error.message : String(error))
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
      this.#report(uuid, entry).catch((error: unknown) =>
        this.#parts.warn(`The event source mapping ${uuid} could not be reported on.`, error),
      )
    }
  }

  async #report(uuid: string, { run }: Entry): Promise<void> {
    if (run === undefined) return this.#reports.tellAgain(uuid)
    const report = await run.report()
    if (this.#entries.get(uuid)?.run === run) await this.#reports.tell(uuid, report)
  }
}

/** What makes a mapping another one, as a text; undefined if it is not to be run. */
function runnable(mapping: EventSourceMapping): string | undefined {
  if (mapping.state !== 'enabled') return undefined
  const { skips: _, updatedAt: __, version: ___, tags: ____, ...rest } = mapping
  return JSON.stringify(rest)
}
