// Uploads a large object in parts: a few at a time, each in memory while it is sent, and all of them or none. Runs in the app.
// What an upload leaves behind when its process dies is aborted by the next write or removal of the same key.
import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3'
import { isNamed } from './s3-faults.ts'

/** Which object of which bucket. */
export interface S3Target {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
}

interface SentPart extends CompletedPart {
  readonly PartNumber: number
  readonly ETag: string
}

/** How long the end of an upload that failed may take: nobody waits for more. */
const ABORT_MS = 10_000

/** S3's own bound. */
export const PARTS_MAX = 10_000

/** Uploads `parts` as one object, of which `inFlight` are sent at a time. Rejects with what the SDK throws, and leaves no parts behind. */
export async function uploadInParts(
  target: S3Target,
  parts: AsyncIterable<Uint8Array>,
  { inFlight, signal }: { readonly inFlight: number; readonly signal: AbortSignal },
): Promise<void> {
  await abortLeftovers(target, signal)
  const { client, bucket, key } = target
  const created = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }), {
    abortSignal: signal,
  })
  const uploadId = created.UploadId
  if (uploadId === undefined) throw new Error('The answer names no upload: the server does not speak S3.')
  try {
    const sent = await sendParts(target, uploadId, parts, { inFlight, signal })
    await complete(target, uploadId, sent, signal)
  } catch (error) {
    await abort(target, uploadId)
    throw error
  }
}

async function sendParts(
  target: S3Target,
  uploadId: string,
  parts: AsyncIterable<Uint8Array>,
  { inFlight, signal }: { readonly inFlight: number; readonly signal: AbortSignal },
): Promise<SentPart[]> {
  const failed = new AbortController()
  const both = AbortSignal.any([signal, failed.signal])
  const sent: Promise<SentPart>[] = []
  const running = new Set<Promise<unknown>>()
  try {
    for await (const part of parts) {
      const number = sent.length + 1
      if (number > PARTS_MAX) throw new Error(`An object has at most ${PARTS_MAX} parts.`)
      const sending = sendPart(target, { uploadId, number, part }, both)
      sent.push(sending)
      running.add(sending)
      void forgetting(sending, running)
      if (running.size >= inFlight) await Promise.race(running)
    }
    return await Promise.all(sent)
  } catch (error) {
    failed.abort()
    // Parts that are under way when an upload is aborted may stay behind.
    await Promise.allSettled(sent)
    throw error
  }
}

/** Takes a part out of those that are under way when it is through. Whoever waits for all parts is told how it ended. */
async function forgetting(sending: Promise<unknown>, running: Set<Promise<unknown>>): Promise<void> {
  await Promise.allSettled([sending])
  running.delete(sending)
}

async function sendPart(
  { client, bucket, key }: S3Target,
  {
    uploadId,
    number,
    part,
  }: { readonly uploadId: string; readonly number: number; readonly part: Uint8Array },
  signal: AbortSignal,
): Promise<SentPart> {
  const answer = await client.send(
    new UploadPartCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: part,
      ContentMD5: md5Of(part),
    }),
    { abortSignal: signal },
  )
  if (answer.ETag === undefined)
    throw new Error('The answer to a part has no ETag: the server does not speak S3.')
  return { PartNumber: number, ETag: answer.ETag }
}

async function complete(
  target: S3Target,
  uploadId: string,
  sent: SentPart[],
  signal: AbortSignal,
): Promise<void> {
  const { client, bucket, key } = target
  try {
    await client.send(
      new CompleteMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: { Parts: sent },
      }),
      { abortSignal: signal },
    )
  } catch (error) {
    // An attempt that was completed, and whose answer was lost: the next one finds no upload, but the object.
    if (isNamed(error, 'NoSuchUpload') && (await isComplete(target, sent, signal))) return
    throw error
  }
}

/** Whether the object is the one that these parts make: its ETag is made of theirs. */
async function isComplete(
  { client, bucket, key }: S3Target,
  sent: readonly SentPart[],
  signal: AbortSignal,
): Promise<boolean> {
  const hash = createHash('md5')
  for (const { ETag } of sent) hash.update(Buffer.from(ETag.replaceAll('"', ''), 'hex'))
  try {
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), {
      abortSignal: signal,
    })
    return head.ETag?.replaceAll('"', '') === `${hash.digest('hex')}-${sent.length}`
  } catch {
    return false
  }
}

/** Aborts what uploads of this key have left behind. A server that cannot list them, or does not let us, has its own rules for them. */
export async function abortLeftovers(target: S3Target, signal: AbortSignal): Promise<void> {
  const { client, bucket, key } = target
  const listed = await client
    .send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }), { abortSignal: signal })
    .catch((error: unknown) => {
      if (signal.aborted || isNamed(error, 'NoSuchBucket')) throw error
      return undefined
    })
  const leftovers = (listed?.Uploads ?? []).filter((upload) => upload.Key === key)
  for (const { UploadId } of leftovers) if (UploadId !== undefined) await abort(target, UploadId)
}

/** Aborts an upload, if the server can be reached: what remains is found by the next write. */
async function abort({ client, bucket, key }: S3Target, uploadId: string): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId })
  await client.send(command, { abortSignal: AbortSignal.timeout(ABORT_MS) }).catch(() => undefined)
}

/** As the header Content-MD5 has it: the server refuses bytes that differ. */
export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64')
}
