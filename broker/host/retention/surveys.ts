// The surveys of the sealed segments of a host's owners. Host main thread.
// A sealed segment never changes, so its survey holds for as long as it is listed. The number of surveys in memory is bounded:
// the oldest segments come first, and newer ones wait until some of these are gone.
import { InvariantError } from '../../../protocol/invariant.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { SegmentMaintenance, Survey } from '../../threads/maintenance-contract.ts'
import type { SegmentList } from '../../threads/owner-contract.ts'
import type { Clock } from '../../time.ts'
import { Backoff } from './backoff.ts'

export interface SurveysOptions {
  readonly maintenance: Pick<SegmentMaintenance, 'survey'>
  readonly spansMax: number
  readonly retryMs: { readonly firstMs: number; readonly mostMs: number }
  readonly elapsed: Clock
  readonly log: Logger
}

export class Surveys {
  readonly #options: SurveysOptions
  /** Surveys by directory, then by segment. */
  readonly #known = new Map<string, Map<string, Survey>>()
  readonly #failing: Backoff
  #spans = 0
  #bytes = 0
  #isFull = false

  constructor(options: SurveysOptions) {
    this.#options = options
    this.#failing = new Backoff({ elapsed: options.elapsed, ...options.retryMs })
  }

  /** Bytes of the batches in all segments that were surveyed, wanted or not. */
  get bytes(): number {
    return this.#bytes
  }

  /** Returns the surveys of an owner's sealed segments, oldest first; undefined for those that are not surveyed. */
  of(list: SegmentList): readonly (Survey | undefined)[] {
    const known = this.#known.get(list.directory)
    return sealedOf(list).map((segment) => known?.get(segment))
  }

  /** Surveys the sealed segments that have no survey yet, and forgets those that are gone. */
  async learn(list: SegmentList, isStopped: () => boolean): Promise<void> {
    const known = this.#forgetGone(list)
    for (const segment of sealedOf(list)) {
      if (isStopped()) return
      if (known.has(segment) || this.#failing.isWaiting(nameOf(list.directory, segment))) continue
      if (this.#spans >= this.#options.spansMax) return this.#tellFull(list)
      const survey = await this.#survey(list.directory, segment)
      if (!survey || isStopped()) continue
      known.set(segment, survey)
      this.#count(survey, 1)
    }
    this.#isFull = false
  }

  async #survey(directory: string, segment: string): Promise<Survey | undefined> {
    const { maintenance, log } = this.#options
    try {
      const { fileBytes, spans } = await maintenance.survey({ directory, segment })
      this.#failing.succeeded(nameOf(directory, segment))
      // Most segments list most shards, but hold no records of them.
      return { segment, fileBytes, spans: spans.filter(({ first, next }) => first < next) }
    } catch (error) {
      if (error instanceof InvariantError) throw error
      const retryMs = this.#failing.failed(nameOf(directory, segment))
      log.error({ err: error, directory, segment, retryMs }, 'a segment could not be surveyed: it is kept')
      return undefined
    }
  }

  #forgetGone({ directory, segments }: SegmentList): Map<string, Survey> {
    const known = this.#known.get(directory) ?? new Map<string, Survey>()
    this.#known.set(directory, known)
    const listed = new Set(segments)
    for (const [segment, survey] of known) {
      if (listed.has(segment)) continue
      known.delete(segment)
      this.#count(survey, -1)
    }
    const prefix = nameOf(directory, '')
    this.#failing.forget((name) => name.startsWith(prefix) && !listed.has(name.slice(prefix.length)))
    return known
  }

  /** Counts a survey that is added or forgotten. */
  #count({ spans }: Survey, step: 1 | -1): void {
    this.#spans += step * spans.length
    for (const { bytes } of spans) this.#bytes += step * bytes
  }

  #tellFull({ directory }: SegmentList): void {
    if (this.#isFull) return
    this.#isFull = true
    const { spansMax } = this.#options
    this.#options.log.warn(
      { directory, spansMax },
      'the surveys of sealed segments have reached their bound: newer segments wait until older ones are gone',
    )
  }
}

/** Returns all segments but the active one. */
export function sealedOf({ segments }: SegmentList): readonly string[] {
  return segments.slice(0, -1)
}

function nameOf(directory: string, segment: string): string {
  return `${directory}/${segment}`
}
