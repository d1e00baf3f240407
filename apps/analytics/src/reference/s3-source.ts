// Objects of S3, with the credentials, the region and the endpoint that all AWS SDKs find in the surroundings of the process. Runs wherever queries
// do. The SDK is loaded with the first object: most queries have none.
import { Readable } from 'node:stream'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { objectOf } from './reference-name.ts'
import { ReferenceFault, writeCopy, type ReferenceSource } from './reference-source.ts'

/** Where a server is, and who asks; what is left out is found in the surroundings. */
export type S3Settings = Pick<S3ClientConfig, 'endpoint' | 'region' | 'credentials'>

const CONNECTION_TIMEOUT_MS = 10_000
const ATTEMPTS_MAX = 3
/** The region in which a request is signed where the surroundings name none. */
const REGION_DEFAULT = 'us-east-1'

/** Returns what fetches objects. */
export function s3Source(settings: S3Settings = {}): ReferenceSource {
  let opened: Promise<S3Client> | undefined
  return async ({ name, known, path, bytesMax, signal }) => {
    const client = await (opened ??= openS3(settings))
    const { GetObjectCommand } = await import('@aws-sdk/client-s3')
    const { bucket, key } = objectOf(name)
    try {
      const answer = await client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ...(known?.etag !== undefined && { IfNoneMatch: known.etag }),
        }),
        { abortSignal: signal },
      )
      if (!(answer.Body instanceof Readable)) throw new ReferenceFault('the answer has no object')
      await writeCopy(answer.Body, { path, bytesMax, signal })
      return { etag: answer.ETag }
    } catch (error) {
      if (signal.aborted || error instanceof ReferenceFault) throw error
      const {
        name: kind,
        message,
        $metadata,
      } = error as Error & {
        readonly $metadata?: { readonly httpStatusCode?: number }
      }
      if ($metadata?.httpStatusCode === 304) return undefined
      throw new ReferenceFault(sentenceOf(kind, message), { cause: error })
    }
  }
}

async function openS3(settings: S3Settings): Promise<S3Client> {
  const { S3Client: Client } = await import('@aws-sdk/client-s3')
  const shared = {
    ...settings,
    // Other servers than AWS' have no names of hosts for buckets, and AWS takes both.
    forcePathStyle: true,
    followRegionRedirects: true,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS },
  }
  const client = new Client(shared)
  try {
    await client.config.region()
    return client
  } catch {
    client.destroy()
    return new Client({ ...shared, region: REGION_DEFAULT })
  }
}

/** What the answers mean that a person can do something about. */
function sentenceOf(kind: string, message: string): string {
  if (kind === 'NoSuchKey' || kind === 'NotFound') return 'there is no such object'
  if (kind === 'NoSuchBucket') return 'there is no such bucket'
  if (kind === 'AccessDenied' || kind === 'Forbidden') return 'access is denied: allow s3:GetObject on it'
  if (kind === 'CredentialsProviderError')
    return `no credentials were found (${message}): set them in the surroundings of the process (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)`
  return `${kind}: ${message}`
}
