// A server with handlers from the test, and connections to it without a network. It counts like the real server.
import type { Duplex } from 'node:stream'
import { pino, type Logger } from 'pino'
import { inProcessPair } from '../../../broker/server/transport/in-process.ts'
import { createServer, type Server, type ServerOptions } from '../../../broker/server/server.ts'
import type { Peer } from '../../../broker/server/session-home.ts'
import type { OperationOn } from '../../../protocol/index.ts'
import { settingDefaults } from '../../../protocol/stream-settings.ts'
import { CountedMetrics } from '../../support/counted-metrics.ts'
import { RawConnection } from '../../support/raw-connection.ts'

export const identity = {
  brokerId: 'test-broker',
  role: 'host',
  hostId: 3,
  software: 'millrace/test',
} as const

export type Served = OperationOn<'control' | 'data'>

export interface Serving {
  readonly server: Server
  readonly counted: CountedMetrics
  /** Broken invariants that would have ended the process. */
  readonly broken: Error[]
  /** Messages logged as errors or worse. */
  readonly logged: string[]
  /** Opens a connection, and says hello by default. */
  connect(options?: { hello?: boolean }): Promise<RawConnection>
  /** Returns the client's end of a connection whose other end the server has accepted. */
  stream(remote?: string): Duplex
  /** The same, for a connection that came in some way. */
  arrive(from?: Peer): Duplex
}

export type ServingOptions<N extends Served> = Partial<Omit<ServerOptions<N>, 'handlers'>>

export function serving<N extends Served>(
  handlers: ServerOptions<N>['handlers'],
  options: ServingOptions<N> = {},
): Serving {
  const counted = new CountedMetrics()
  const broken: Error[] = []
  const logged: string[] = []
  const server = createServer<N>({
    identity,
    handlers,
    maxConnections: 16,
    log: errorsInto(logged),
    metrics: counted.instruments,
    onBroken: (error) => broken.push(error),
    ...options,
  })
  const arrive = (from?: Peer) => {
    const [near, far] = inProcessPair()
    server.accept(far, from)
    return near
  }
  const stream = (remote?: string) =>
    arrive(remote === undefined ? undefined : { remote, arrival: { isPrivate: false, certificateNames: [] } })
  const connect = async ({ hello = true } = {}) => {
    const connection = new RawConnection(stream())
    if (hello) await connection.hello()
    return connection
  }
  return { server, counted, broken, logged, connect, stream, arrive }
}

function errorsInto(lines: string[]): Logger {
  const write = (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg)
  return pino({ level: 'error' }, { write })
}

/** The stream in all describe answers of these tests. */
export const clicks = {
  name: 'clicks',
  id: 1,
  status: 'ACTIVE',
  openShardCount: 4,
  createdAt: 0,
  ...settingDefaults,
  scaling: { shardsMin: 4, shardsMax: 4, targetBytesPerSecond: 1, targetRecordsPerSecond: 1 },
  targetShardCount: undefined,
  epoch: 1,
} as const

/** A promise with the functions that settle it. */
export function pending<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}

/** Lets everything run that is queued in promises, ticks and streams. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
