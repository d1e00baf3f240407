// Opens the client of a server that speaks S3: AWS' own or another. Runs in the app.
// It asks of servers only what all of them have: no checksum algorithms that only AWS knows, and MD5 instead, which is as old as S3.
import { S3Client } from '@aws-sdk/client-s3'
import type { S3Destination } from 'millrace/protocol'
import { NodeHttpHandler } from '@smithy/node-http-handler'

export interface S3Patience {
  /** Attempts at one request, before the write fails that it belongs to. */
  readonly attemptsMax: number
  /** A request is given up when nothing has come or gone for so long. */
  readonly idleMs: number
}

export const s3Patience: S3Patience = { attemptsMax: 4, idleMs: 60_000 }

const CONNECTION_TIMEOUT_MS = 10_000
const SOCKETS_MAX = 64
/** The region in which a request is signed where neither the destination nor the surroundings name one. */
const REGION_DEFAULT = 'us-east-1'

/**
 * The client for a destination. Without a region in the destination, that of the surroundings counts (`AWS_REGION`, the profile), and
 * on AWS a bucket elsewhere is found by AWS' redirect.
 */
export async function openS3(destination: S3Destination, patience: S3Patience): Promise<S3Client> {
  const { endpoint, region, credentials, forcePathStyle = endpoint !== undefined } = destination
  const settings = {
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle,
    followRegionRedirects: endpoint === undefined && region === undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
    // A server that does not know it would hold up each part for seconds.
    expectContinueHeader: false,
    maxAttempts: patience.attemptsMax,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: patience.idleMs,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
    }),
  }
  if (region !== undefined) return new S3Client({ ...settings, region })
  const client = new S3Client(settings)
  try {
    await client.config.region()
    return client
  } catch {
    client.destroy()
    return new S3Client({ ...settings, region: REGION_DEFAULT })
  }
}
