// A broker that wants to know who asks, with things to ask for and principals that may do more or less with them. In this
// process; connections go over its ports or stay within the process.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createBroker } from '#dist/broker/broker.js'
import { parseGrant } from '../../../protocol/access/grant-text.ts'
import {
  MillraceError,
  producerIdentityOf,
  type OperationName,
  type RequestOf,
  type ResponseOf,
} from '../../../protocol/index.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'
import { batchOf, RawConnection } from '../../support/raw-connection.ts'

type Broker = Awaited<ReturnType<typeof createBroker>>
type Address = { readonly host: string; readonly port: number }

/** How a client reaches a process. */
export const transports = ['a port', 'this process'] as const
export type Transport = (typeof transports)[number]

/** Which process. */
export const processes = ['controller', 'host'] as const
export type ProcessRole = (typeof processes)[number]

export const nothing = {
  shardCount: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  mode: undefined,
  shardLimits: undefined,
  scaling: undefined,
} as const

export const secretOf = (name: string): Uint8Array => Buffer.from(name.padEnd(16, '.'))
export const batch = (text: string, producerSecret?: Uint8Array, more: object = {}): Uint8Array =>
  batchOf([{ partitionKey: 'k', data: Buffer.from(text) }], {
    ...(producerSecret && { producerId: producerIdentityOf(producerSecret).producerId }),
    ...more,
  })

export class World implements AsyncDisposable {
  readonly broker: Broker
  readonly #dispose: () => Promise<void>
  readonly #controller: Address
  #host!: Address
  readonly #connections = new Set<RawConnection>()
  root!: RawConnection

  private constructor(broker: Broker, dispose: () => Promise<void>) {
    this.broker = broker
    this.#dispose = dispose
    const { hostname, port } = new URL(broker.url.replace('millrace:', 'http:'))
    this.#controller = { host: hostname, port: Number(port) }
  }

  static async open(config: Record<string, string> = {}): Promise<World> {
    const directory = await temporaryDirectory()
    const dataDir = join(directory.path, 'data')
    const broker = await createBroker({ dataDir, config: { access: 'required', ...config } })
    const world = new World(broker, async () => {
      await broker.close()
      await directory[Symbol.asyncDispose]()
    })
    const token = (await readFile(join(dataDir, 'root.token'), 'utf8')).trim()
    world.root = await world.connect('controller', 'this process', token)
    await world.root.request('createStream', { ...nothing, name: 'anchor' })
    const { hosts } = await world.root.request('describeRouting', { name: 'anchor' })
    world.#host = { host: hosts[0]!.host, port: hosts[0]!.port }
    world.rootAtHost = await world.connect('host', 'this process', token)
    world.rootToken = token
    return world
  }

  rootAtHost!: RawConnection
  rootToken!: string

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close()
    await this.#dispose()
  }

  /** Opens a connection that has said hello, and who asks where a token is given. */
  async connect(to: ProcessRole, transport: Transport, token?: string): Promise<RawConnection> {
    const address = to === 'controller' ? this.#controller : this.#host
    const connection =
      transport === 'a port'
        ? await RawConnection.open(address.port, { hello: false })
        : new RawConnection(await this.broker.dial(address))
    this.#connections.add(connection)
    await connection.hello()
    if (token !== undefined) await connection.request('authenticate', { token, actAs: undefined })
    return connection
  }

  /** Makes a token for a principal with these grants. */
  async token(
    principal: string,
    grants: readonly string[],
    expiresAt?: number,
  ): Promise<ResponseOf<'createToken'>> {
    const given = grants.map((text) => ({ ...parseGrant(text), expiresAt: undefined }))
    return this.root.request('createToken', { principal, description: 'test', expiresAt, grants: given })
  }

  async streamId(name: string): Promise<number> {
    return (await this.root.request('describeStream', { name })).stream.id
  }

  /** Makes a stream where there is none. */
  async ensureStream(name: string): Promise<void> {
    await allowing(['streamExists'], this.root.request('createStream', { ...nothing, name }))
  }

  async append(streamId: number, bytes: Uint8Array, producerSecret?: Uint8Array): Promise<number> {
    const batches = [{ streamId, shardIndex: 0, batch: bytes, producerSecret }]
    return (await this.rootAtHost.request('append', { batches })).results[0]!.code
  }
}

/** Waits for an answer; an error of these codes is one too. */
export async function allowing(codes: readonly string[], answer: Promise<unknown>): Promise<void> {
  await answer.catch((error: unknown) => {
    if (!MillraceError.is(error) || !codes.includes(error.code)) throw error
  })
}

/** What came of a request: `done`, or the code and the text of the error. */
export async function outcomeOf<N extends OperationName>(
  connection: RawConnection,
  operation: N,
  request: RequestOf<N>,
): Promise<{ readonly code: string; readonly message?: string; readonly answer?: ResponseOf<N> }> {
  try {
    return { code: 'done', answer: await connection.request(operation, request) }
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    return { code: error.code, message: error.message }
  }
}
