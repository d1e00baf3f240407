// Where buckets are. Pure. AWS' API names no server: it is AWS, or what the endpoint is told.
import { join } from 'node:path'
import type { ObjectDestination } from 'millrace/protocol'
import { bucketOf } from '../names.ts'

/**
 * The place of a bucket. `buckets` is the url of a server that speaks S3, or a directory in which each bucket is a folder; left out, the
 * bucket is one of AWS, or of the server that the app delivery's environment names.
 */
export function placeOfBucket(arn: string, buckets: string | undefined): ObjectDestination {
  const bucket = bucketOf(arn)
  if (buckets === undefined) return { type: 's3', bucket }
  if (/^https?:\/\//.test(buckets)) return { type: 's3', bucket, endpoint: buckets }
  return { type: 'directory', path: join(buckets, bucket) }
}
