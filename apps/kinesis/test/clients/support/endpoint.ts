// An endpoint under test with a broker of its own, both in the test's process, and clients of either door.
import type { KinesisClient } from '@aws-sdk/client-kinesis'
import { createKinesisEndpoint, type KinesisEndpoint, type KinesisEndpointOptions } from '@millrace/kinesis'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker, type BrokerOptions } from 'millrace/broker'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ANYBODY, sdkClient, type ClientChoices, type Credentials } from './sdk.ts'

/** What a client of a service is made with. */
interface ServiceClientConfig {
  readonly endpoint: string
  readonly region: string
  readonly credentials: Credentials
  readonly maxAttempts: number
}

let streams = 0

/** A name that no other test of this process uses. */
export const freshName = (stem = 'stream'): string => `${stem}-${process.pid}-${++streams}`

export class TestEndpoint implements AsyncDisposable {
  readonly broker: Broker
  /** A client of the broker itself, which may do everything. */
  readonly native: Client
  readonly #endpoint: KinesisEndpoint
  readonly #clients: { destroy(): void }[] = []

  private constructor(broker: Broker, native: Client, endpoint: KinesisEndpoint) {
    this.broker = broker
    this.native = native
    this.#endpoint = endpoint
  }

  static async start(
    options: KinesisEndpointOptions = {},
    brokerOptions: BrokerOptions = {},
  ): Promise<TestEndpoint> {
    const isSigned = options.auth === 'sigv4'
    const config = isSigned ? { access: 'required', ...brokerOptions.config } : brokerOptions.config
    const broker = await createBroker({ listen: false, ...brokerOptions, ...(config && { config }) })
    try {
      const { url, dial, dataDir } = broker
      const token = isSigned && (await readFile(join(dataDir, 'root.token'), 'utf8')).trim()
      const reach = { url, dial, ...(token !== false && { token }) }
      const native = await connect(url, reach)
      const endpoint = await createKinesisEndpoint({ port: 0, broker: reach, ...options })
      return new TestEndpoint(broker, native, endpoint)
    } catch (error) {
      await broker.close()
      throw error
    }
  }

  get port(): number {
    return this.#endpoint.port
  }

  get url(): string {
    return this.#endpoint.url
  }

  /** A client of the JavaScript SDK, closed with the endpoint. */
  client(choices: ClientChoices = {}): KinesisClient {
    const client = sdkClient(this.port, choices)
    this.#clients.push(client)
    return client
  }

  /** A client of another service of the port, closed with the endpoint. It tries once, so that errors are seen. */
  serviceClient<C extends { destroy(): void }>(
    Service: new (config: ServiceClientConfig) => C,
    credentials: Credentials = ANYBODY,
  ): C {
    const client = new Service({ endpoint: this.url, region: 'us-east-1', credentials, maxAttempts: 1 })
    this.#clients.push(client)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await this.#endpoint.close()
    await this.native.close()
    await this.broker.close()
  }
}
