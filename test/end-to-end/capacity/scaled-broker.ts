// A whole broker whose time passes only when a test says so: hours of load and silence, at exact rates, in seconds. Storage,
// hosts, protocol and clients are the real ones; the controller's timers wait for the test. Runs in the process of the test.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { resolveConfig } from '../../../broker/config/resolve.ts'
import { SOFTWARE } from '../../../broker/config/software.ts'
import { createController, type Controller } from '../../../broker/control/controller.ts'
import { embeddedHosts } from '../../../broker/embedded-host.ts'
import { createServer, type Server } from '../../../broker/server/server.ts'
import { openCatalogStore } from '../../../broker/storage/catalog-store.ts'
import { noteAt } from '../../../broker/storage/note.ts'
import { openSmallRows, smallRowsPath } from '../../../broker/storage/small-rows/store.ts'
import { createTelemetry } from '../../../broker/telemetry/instruments.ts'
import { silentLog } from '../../../broker/telemetry/log.ts'
import { FakeTime } from '../../broker/control/support/fake-time.ts'
import { memoryFile } from '../../broker/control/support/memory-file.ts'

const DRAIN_MS = 5_000

export class ScaledBroker implements AsyncDisposable {
  readonly time: FakeTime
  readonly port: number
  readonly #controller: Controller
  readonly #server: Server

  private constructor(parts: { time: FakeTime; port: number; controller: Controller; server: Server }) {
    this.time = parts.time
    this.port = parts.port
    this.#controller = parts.controller
    this.#server = parts.server
  }

  static async start(dataDir: string): Promise<ScaledBroker> {
    const time = new FakeTime()
    const log = silentLog()
    const config = resolveConfig({ settings: { dataDir, hosts: 2, segmentSize: '1MiB' } }).values
    const telemetry = createTelemetry('controller', { withProcess: false })
    const onBroken = (error: Error): void => {
      throw error
    }
    const { launcher } = embeddedHosts({ threads: false, time, storage: {}, log })
    const controller = await createController({
      config,
      openStore: () => openCatalogStore(join(dataDir, 'catalog')),
      openSmallRows: (events) => openSmallRows(smallRowsPath(dataDir), events),
      clockNote: noteAt(join(dataDir, 'clock.json')),
      accessKeyFile: memoryFile('access.key'),
      launcher,
      listenOf: () => ({ host: '127.0.0.1', port: 0 }),
      addressOf: (hostId, port) => (port === undefined ? undefined : { hostId, host: '127.0.0.1', port }),
      software: SOFTWARE,
      telemetry,
      log,
      time,
      random: Math.random,
      newBrokerId: randomUUID,
      onBroken,
    })
    const server = createServer({
      identity: { brokerId: controller.brokerId, role: 'controller', hostId: 0, software: SOFTWARE },
      handlers: controller.handlers,
      maxConnections: config.maxConnections,
      log,
      metrics: telemetry.instruments,
      now: time.now,
      onBroken,
    })
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    controller.start()
    await controller.whenReady()
    return new ScaledBroker({ time, port, controller, server })
  }

  get url(): string {
    return `millrace://127.0.0.1:${this.port}`
  }

  /** Metrics in Prometheus' text format. */
  metrics(): Promise<string> {
    return this.#controller.scrape()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.drain(DRAIN_MS)
    await this.#controller.drain(DRAIN_MS)
  }
}
