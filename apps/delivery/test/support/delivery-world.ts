// A broker in this process, copies of the app on it, and a directory to deliver to. For end-to-end tests.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import type { ServingApp } from 'millrace/app'
import { createBroker, type Broker } from 'millrace/broker'
import type { AppLogEntry } from 'millrace/protocol'
import { serveApp } from '@millrace/delivery/app'

export class DeliveryWorld implements AsyncDisposable {
  readonly broker: Broker
  readonly client: Client
  /** Where the test delivers to, and beside it where records wait. */
  readonly directory: string
  readonly lake: string
  readonly log: AppLogEntry[] = []
  readonly #apps = new Set<ServingApp>()

  private constructor(broker: Broker, client: Client, directory: string) {
    this.broker = broker
    this.client = client
    this.directory = directory
    this.lake = join(directory, 'lake')
  }

  static async open(): Promise<DeliveryWorld> {
    const broker = await createBroker({ listen: false, config: { segmentSize: '1MiB' } })
    const client = await connect(broker.url, { dial: broker.dial })
    return new DeliveryWorld(broker, client, await mkdtemp(join(tmpdir(), 'delivery-test-')))
  }

  /** Starts a copy of the app. */
  async app(): Promise<ServingApp> {
    const { url, dial } = this.broker
    const options = { spoolBytes: 64 * 2 ** 20, spoolDir: join(this.directory, 'spool') }
    const app = await serveApp({ broker: { url, dial }, options }, (entry) => this.log.push(entry))
    this.#apps.add(app)
    return {
      url: app.url,
      close: async () => {
        this.#apps.delete(app)
        await app.close()
      },
    }
  }

  /** All files of a directory, by their paths in it. */
  async files(directory = this.lake): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of names) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      found.set(path.slice(directory.length + 1), await readFile(path, 'utf8'))
    }
    return found
  }

  /** Lines of all objects, without errors. */
  async lines(directory = this.lake): Promise<string[]> {
    const lines: string[] = []
    for (const [path, text] of await this.files(directory)) {
      if (!path.startsWith('errors/') && !path.endsWith('.tmp'))
        lines.push(...text.split('\n').filter(Boolean))
    }
    return lines.sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const app of this.#apps) await app.close()
    await this.client.close()
    await this.broker.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}
