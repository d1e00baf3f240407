// Zip archives with one entry: fflate writes the container, zlib the deflated bytes (fflate's own deflate would hold the event loop for
// long). The entry's time is fixed, so that the same bytes give the same object.
import { crc32 } from 'node:zlib'
import { Zip, type ZipInputFile } from 'fflate'
import { deflated } from './gzip.ts'

/** The entry's name: an object's name is not known where its bytes are made. */
const ENTRY = 'records'

/** Sizes of entries have 32 bits here. */
const ENTRY_BYTES_MAX = 2 ** 32 - 1

const DEFLATED = 8

/** The first time that zip can tell. Zip writes the parts of a local time: they are the same in every time zone. */
const EPOCH = new Date(1980, 0, 1)

/** Writes an archive with one entry. Throws where it is larger than 4 GiB. */
export async function* zipped(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const ready: Uint8Array[] = []
  const archive = new Zip((error, chunk) => {
    if (error !== null) throw error
    ready.push(chunk)
  })
  const entry: ZipInputFile = { filename: ENTRY, size: 0, crc: 0, compression: DEFLATED, mtime: EPOCH }
  archive.add(entry)
  const { ondata } = entry
  if (ondata === undefined) throw new Error('The archive has not taken its entry.')
  for await (const chunk of deflated(counted(chunks, entry))) {
    ondata(null, chunk as Uint8Array<ArrayBuffer>, false)
    yield* ready.splice(0)
  }
  ondata(null, new Uint8Array(0), true)
  archive.end()
  yield* ready
}

async function* counted(chunks: AsyncIterable<Uint8Array>, entry: ZipInputFile): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    entry.size += chunk.length
    entry.crc = crc32(chunk, entry.crc)
    if (entry.size > ENTRY_BYTES_MAX) {
      throw new RangeError(
        'An object has more than 4 GiB, which zip cannot hold here: choose a smaller buffer.',
      )
    }
    yield chunk
  }
}
