// The two homes of the broker behind one interface: inside this process, and as a daemon with its own processes. Promises must
// hold in both. Used by the end-to-end tests.
import { createBroker } from '#dist/broker/broker.js'
import { TestDaemon } from '../support/daemon.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'

export interface RunningBroker extends AsyncDisposable {
  readonly url: string
  /** Stops in good order and starts again on the same data. The url may be another one. */
  restart(): Promise<void>
}

export interface Home {
  readonly name: string
  start(): Promise<RunningBroker>
}

/** Small segments, so that every test crosses some. */
const CONFIG = { segmentSize: '4MiB' } as const

export const homes: readonly Home[] = [
  {
    name: 'in process',
    async start() {
      const directory = await temporaryDirectory()
      const open = () => createBroker({ dataDir: directory.path, config: CONFIG })
      let broker = await open()
      return {
        get url() {
          return broker.url
        },
        async restart() {
          await broker.close()
          broker = await open()
        },
        async [Symbol.asyncDispose]() {
          await broker.close()
          await directory[Symbol.asyncDispose]()
        },
      }
    },
  },
  {
    name: 'as a daemon',
    async start() {
      const daemon = await TestDaemon.start({ ...CONFIG, hosts: '2' })
      return {
        get url() {
          return daemon.url
        },
        async restart() {
          await daemon.stop()
          await daemon.restart()
        },
        [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
      }
    },
  },
]
