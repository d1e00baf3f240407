// The client of the other side of a migration: a Kinesis endpoint of AWS or of anybody. Runs in the process that migrates.
// It speaks HTTP/1.1 over connections that are kept: by default the SDK opens an HTTP/2 session for each request to Kinesis.
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { NodeHttpHandler } from '@smithy/node-http-handler'

/** Where the stream on the other side is, as AWS' tools say it. */
export interface AwsSide {
  /** Url of the endpoint; by default that of AWS in the region. */
  readonly endpoint?: string | undefined
  /** By default that of the surroundings (`AWS_REGION`, the profile); us-east-1 for an endpoint where none is named. */
  readonly region?: string | undefined
  /** A profile of AWS' files; by default credentials are found as AWS' SDKs find them. */
  readonly profile?: string | undefined
}

const SOCKETS_MAX = 64
const CONNECTION_TIMEOUT_MS = 10_000
/** Longer than any answer of the service takes; a connection that is dead without a word is found out by it. */
const REQUEST_TIMEOUT_MS = 60_000
const REGION_OF_ENDPOINT = 'us-east-1'

/** Opens the client. It tries nothing again by itself: `insist` does, in the order that a migration needs. */
export async function openAws({ endpoint, region, profile }: AwsSide): Promise<KinesisClient> {
  const settings = {
    ...(endpoint !== undefined && { endpoint }),
    ...(profile !== undefined && { profile }),
    maxAttempts: 1,
    credentials: credentialsFor(endpoint, profile),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
    }),
  }
  if (region !== undefined) return new KinesisClient({ ...settings, region })
  const client = new KinesisClient(settings)
  if (endpoint === undefined) return client
  try {
    await client.config.region()
    return client
  } catch {
    client.destroy()
    return new KinesisClient({ ...settings, region: REGION_OF_ENDPOINT })
  }
}

/** The SDK's own chain. An endpoint on this machine that verifies nothing wants a signature all the same: any will do. */
function credentialsFor(endpoint: string | undefined, profile: string | undefined) {
  const chain = defaultProvider(profile === undefined ? {} : { profile })
  if (endpoint === undefined || profile !== undefined || !isOnThisMachine(endpoint)) return chain
  return async () => {
    try {
      return await chain()
    } catch {
      return { accessKeyId: 'anybody', secretAccessKey: 'anything' }
    }
  }
}

/** Whether an endpoint is an address of this machine alone. */
export function isOnThisMachine(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false
  const { hostname } = new URL(endpoint)
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
