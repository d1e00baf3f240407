// Names of files that lie elsewhere: addresses of HTTP, and objects of S3. Pure.
import { createHash } from 'node:crypto'
import { join } from 'node:path'

/** Whether a name of a file is one that is fetched. */
export function isReference(name: string): boolean {
  return /^(https?|s3):\/\//i.test(name)
}

/** What is wrong with such a name, as a sentence that ends by what to do; undefined where it can be fetched. */
export function referenceFault(name: string): string | undefined {
  const url = urlOf(name)
  if (url === undefined || url.hostname === '')
    return `${name} is no address: write https://host/path, or s3://bucket/key.`
  if (url.username !== '' || url.password !== '')
    return `The address of ${fileName(url)} has credentials, which everybody sees who reads the query: take them out. Objects of S3 are fetched with those of the app's surroundings.`
  if (/[*?[\]]/.test(name.replace(/\?.*$/, ''))) return `${shownName(name)} is a pattern: name one file.`
  if (url.protocol === 's3:' && url.pathname.length < 2)
    return `${name} names no object: write s3://bucket/key.`
  return undefined
}

/** Whether the name says of itself how it is read. */
export function hasFormat(name: string): boolean {
  const url = urlOf(name)
  return url !== undefined && /\.(csv|tsv|txt|parquet|json|jsonl|ndjson)(\.(gz|zst))?$/i.test(url.pathname)
}

/** Where the copy of a file lies in a directory. Its last part is that of the name, by which DuckDB knows how to read it. */
export function copyPath(directory: string, name: string): string {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 20)
  const url = urlOf(name)
  return join(directory, digest, url === undefined ? 'file' : fileName(url))
}

/** The name as people are told it: what stands behind a question mark may be a secret. */
export function shownName(name: string): string {
  return name.replace(/\?.*$/s, '')
}

/** Bucket and key of an object of S3. */
export function objectOf(name: string): { readonly bucket: string; readonly key: string } {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/is.exec(name) ?? []
  return { bucket, key }
}

function urlOf(name: string): URL | undefined {
  return URL.canParse(name) ? new URL(name) : undefined
}

function fileName({ pathname }: URL): string {
  const last = pathname.split('/').at(-1) ?? ''
  return (
    last
      .replaceAll(/[^\w.-]/g, '_')
      .slice(-100)
      .replace(/^\.+/, '') || 'file'
  )
}
