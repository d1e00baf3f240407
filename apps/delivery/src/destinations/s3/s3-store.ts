// Objects of a bucket: written whole, replaced, removed, and read back. Runs in the app.
// A write is atomic, as S3's are: the object is the old one until all of the new one has arrived.
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { S3Destination } from 'millrace/protocol'
import type { ObjectContent, ObjectStore, StoredObject, WriteSteps } from '../object-store.ts'
import { abortLeftovers, md5Of, PARTS_MAX, uploadInParts, type S3Target } from './multipart.ts'
import { openS3, s3Patience, type S3Patience } from './s3-client.ts'
import { isNamed, noSuchObject, s3Fault, type S3Place } from './s3-faults.ts'
import { slicesOf } from './slices.ts'

export interface S3StoreOptions extends Partial<S3Patience> {
  /** Size of parts; an object of one part is put whole. S3 takes none below 5 MiB. */
  readonly partBytes?: number
  /** Parts of one object that are sent at a time. */
  readonly partsInFlight?: number
}

type Slices = AsyncGenerator<Uint8Array, void, undefined>

const PART_BYTES = 8 * 1024 * 1024
const PARTS_IN_FLIGHT = 3

export class S3Store implements ObjectStore {
  readonly writesMax = 4
  readonly #client: S3Client
  readonly #destination: S3Destination
  readonly #partBytes: number
  readonly #partsInFlight: number

  private constructor(client: S3Client, destination: S3Destination, options: S3StoreOptions) {
    this.#client = client
    this.#destination = destination
    this.#partBytes = options.partBytes ?? PART_BYTES
    this.#partsInFlight = options.partsInFlight ?? PARTS_IN_FLIGHT
  }

  static async open(destination: S3Destination, options: S3StoreOptions = {}): Promise<S3Store> {
    const client = await openS3(destination, { ...s3Patience, ...options })
    return new S3Store(client, destination, options)
  }

  /** Writes an object, in the place of the one of this key. At most `partsInFlight + 1` parts of it are in memory. */
  async write(
    key: string,
    content: ObjectContent,
    signal: AbortSignal,
    { prepared }: WriteSteps = {},
  ): Promise<void> {
    await prepared
    await this.#faulted(signal, async () => {
      const total = content.bytes
      const bytes = Math.max(this.#partBytes, Math.ceil((total ?? 0) / PARTS_MAX))
      const slices = slicesOf(content.chunks(), { bytes, total })
      try {
        await this.#writeSlices(this.#target(key), slices, signal)
      } finally {
        // Whoever reads the content closes it, also where the upload never came to that.
        await slices.return()
      }
    })
  }

  /** Removes an object, and what unfinished uploads of it have left. Nothing happens where there is none. */
  async remove(key: string, signal: AbortSignal): Promise<void> {
    await this.#faulted(signal, async () => {
      const target = this.#target(key)
      await abortLeftovers(target, signal)
      const command = new DeleteObjectCommand({ Bucket: target.bucket, Key: key })
      await this.#client.send(command, { abortSignal: signal })
    })
  }

  /** The objects whose keys begin with a prefix, by key. */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject, void, undefined> {
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#destination.bucket,
        Prefix: prefix,
        ...(token !== undefined && { ContinuationToken: token }),
      })
      const page = await this.#faulted(signal, () => this.#client.send(command, { abortSignal: signal }))
      for (const { Key, Size } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 }
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  /** The bytes of an object. Throws the fault `missing` where it is not there. */
  async *read(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const command = new GetObjectCommand({ Bucket: this.#destination.bucket, Key: key })
    try {
      const answer = await this.#client.send(command, { abortSignal: signal })
      for await (const chunk of (answer.Body as AsyncIterable<Uint8Array> | undefined) ?? []) {
        signal.throwIfAborted()
        yield chunk
      }
    } catch (error) {
      signal.throwIfAborted()
      throw isNamed(error, 'NoSuchKey') ? noSuchObject(key, this.#place) : s3Fault(error, this.#place)
    }
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }

  async #writeSlices(target: S3Target, slices: Slices, signal: AbortSignal): Promise<void> {
    const first = await slices.next()
    const second = first.done === true ? first : await slices.next()
    if (first.done === true || second.done === true) {
      await this.#put(target, first.done === true ? new Uint8Array(0) : first.value, signal)
      return
    }
    const parts = following([first.value, second.value], slices)
    await uploadInParts(target, parts, { inFlight: this.#partsInFlight, signal })
  }

  async #put({ bucket, key }: S3Target, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ContentMD5: md5Of(bytes) })
    await this.#client.send(command, { abortSignal: signal })
  }

  get #place(): S3Place {
    return { bucket: this.#destination.bucket, endpoint: this.#destination.endpoint }
  }

  #target(key: string): S3Target {
    return { client: this.#client, bucket: this.#destination.bucket, key }
  }

  /** Does the work; what goes wrong becomes a fault that says what to do. */
  async #faulted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw s3Fault(error, this.#place)
    }
  }
}

/** Lets go of each of the first ones as it is given on. */
async function* following(first: Uint8Array[], rest: Slices): Slices {
  for (let part = first.shift(); part !== undefined; part = first.shift()) yield part
  yield* rest
}
