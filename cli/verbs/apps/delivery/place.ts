// Where a delivery goes, as one writes it: a path, s3://bucket/prefix, a url, or stream:NAME. Pure; the working directory is given.
import { resolve } from 'node:path'
import type {
  DeliveryDestination,
  HttpDestination,
  ObjectDestination,
} from '../../../../protocol/apps/delivery-definition.ts'
import { Failure } from '../../../failure.ts'

/** What stands beside the place. */
export interface PlaceFlags {
  readonly s3Endpoint?: string
  readonly s3Region?: string
  readonly accessKey?: string
  readonly attribute?: readonly string[]
  readonly contentEncoding?: 'none' | 'gzip'
  readonly retryDuration?: number
}

export interface Place {
  readonly destination:
    | Exclude<DeliveryDestination, HttpDestination>
    | (Pick<HttpDestination, 'type' | 'url'> & Partial<HttpDestination>)
  /** Begins all names. */
  readonly prefix: string
}

/** Parses the place. Throws Failure (usage). */
export function placeOf(text: string, flags: PlaceFlags, directory: string): Place {
  if (text.startsWith('stream:')) {
    const stream = text.slice('stream:'.length)
    if (stream === '') throw new Failure('--to stream: needs the name of a stream: stream:NAME.', 'usage')
    return { destination: { type: 'stream', stream }, prefix: '' }
  }
  if (/^https?:\/\//.test(text)) {
    const { accessKey, attribute = [], contentEncoding, retryDuration } = flags
    const destination = {
      type: 'http' as const,
      url: text,
      ...(accessKey !== undefined && { accessKey }),
      ...(attribute.length > 0 && { attributes: pairsOf(attribute, '--attribute') }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      ...(retryDuration !== undefined && { retryMs: retryDuration }),
    }
    return { destination, prefix: '' }
  }
  return objectPlaceOf(text, flags, directory)
}

/** Parses a place of objects. Throws Failure (usage). */
export function objectPlaceOf(
  text: string,
  { s3Endpoint, s3Region }: PlaceFlags,
  directory: string,
): { readonly destination: ObjectDestination; readonly prefix: string } {
  // An unset variable of a script would fill the working directory with files.
  if (text.trim() === '')
    throw new Failure('A place is empty: give a path, s3://bucket/prefix, https://… or stream:NAME.', 'usage')
  const s3 = /^s3:\/\/([^/]+)\/?(.*)$/.exec(text)
  if (s3 !== null) {
    const prefix = s3[2]!
    const destination = {
      type: 's3' as const,
      bucket: s3[1]!,
      ...(s3Endpoint !== undefined && { endpoint: s3Endpoint }),
      ...(s3Region !== undefined && { region: s3Region }),
    }
    return { destination, prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` }
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    throw new Failure(
      `${text} is no place to deliver to: give a path, s3://bucket/prefix, https://… or stream:NAME.`,
      'usage',
    )
  }
  return { destination: { type: 'directory', path: resolve(directory, text) }, prefix: '' }
}

/** Parses `name=value`s. Throws Failure (usage) that names the option. */
export function pairsOf(texts: readonly string[], option: string): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=')
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)]
      throw new Failure(`${option} ${text} is no name=value.`, 'usage')
    }),
  )
}
