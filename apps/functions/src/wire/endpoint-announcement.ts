// Says in a document where this copy of the app takes calls, for as long as it does. Runs in the app. One that died is left to grow old, and
// is removed by others in the end.
import { MillraceError, type Documents } from 'millrace'
import { FUNCTION_ENDPOINT_LIFE_MS, type FunctionEndpoint } from 'millrace/protocol'

/** How often it is said again: several times within its life. */
const RENEW_MS = FUNCTION_ENDPOINT_LIFE_MS / 3
/** One that was not renewed for so long is removed by whoever sees it. */
const DEAD_MS = 20 * FUNCTION_ENDPOINT_LIFE_MS

export interface AnnouncementParts {
  readonly documents: Pick<Documents<FunctionEndpoint>, 'put' | 'delete' | 'list'>
  /** Of this copy. */
  readonly name: string
  readonly url: string
  readonly secret: string
  readonly now: () => number
  /** Calls again and again, until the returned function is called. */
  readonly every: (ms: number, run: () => void) => () => void
  readonly tell: (message: string, error: unknown) => void
}

export class EndpointAnnouncement {
  readonly #parts: AnnouncementParts
  readonly #startedAt: number
  readonly #stop: () => void
  #renewing: Promise<void> | undefined
  #isClosed = false

  private constructor(parts: AnnouncementParts) {
    this.#parts = parts
    this.#startedAt = parts.now()
    this.#stop = parts.every(RENEW_MS, () => {
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined))
    })
  }

  /** Says it; fulfils when it can be read. */
  static async open(parts: AnnouncementParts): Promise<EndpointAnnouncement> {
    const announcement = new EndpointAnnouncement(parts)
    try {
      await announcement.#put()
    } catch (error) {
      announcement.#stop()
      throw error
    }
    return announcement
  }

  /** Takes it back. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stop()
    await this.#renewing
    const { documents, name } = this.#parts
    // Where the broker is gone, it grows old.
    await documents.delete(name).catch(() => {})
  }

  async #put(): Promise<void> {
    const { documents, name, url, secret, now } = this.#parts
    await documents.put(name, { url, secret, startedAt: this.#startedAt, renewedAt: now() })
  }

  async #renew(): Promise<void> {
    try {
      await this.#put()
      if (!this.#isClosed) await this.#removeDead()
    } catch (error) {
      this.#parts.tell('Where functions are called cannot be said again; it counts no more soon.', error)
    }
  }

  async #removeDead(): Promise<void> {
    const { documents, now } = this.#parts
    for await (const { name, version, value } of documents.list()) {
      if (value.renewedAt + DEAD_MS > now()) continue
      await documents.delete(name, { expectedVersion: version }).catch((error: unknown) => {
        if (!MillraceError.is(error, 'versionConflict')) throw error
      })
    }
  }
}
