// Chunks: the records that are sent together. Pure: a chunk is a function of the bytes that were read and of its recipe, which the
// journal keeps, so that after a crash the same records are made again.
import { createHash } from 'node:crypto'
import type { RecordInput } from 'millrace'
import { truncated } from '../lines/framing.ts'
import { converterOf, hasRiskyPattern, type Converter } from '../processing/converter.ts'
import { underDeadline } from '../processing/matching-deadline.ts'
import type { ProcessingStep } from '../processing/processing-step.ts'

/** How records are made of what was read. A JSON value. */
export interface ChunkRecipe {
  /** When the chunk was made: the time of its records, in milliseconds since 1970. */
  readonly madeAt: number
  /** What random keys are made of. */
  readonly seed: string
  /** One random key for all; one for each; or the MD5 of the data. */
  readonly keys: 'one' | 'each' | 'md5'
  readonly processing: readonly ProcessingStep[]
  readonly dataBytesMax: number
  readonly truncationTerminator: string
}

export interface Chunk {
  readonly records: readonly ChunkRecord[]
  /** Of the records' data. */
  readonly bytes: number
  readonly skipped: number
  readonly cut: number
}

export type ChunkRecord = RecordInput & { readonly data: Uint8Array }

/** Makes the records of what was read. Throws `PatternTooSlow` where a pattern of the processing takes too long. */
export function makeChunk(read: Iterable<readonly Uint8Array[]>, recipe: ChunkRecipe): Chunk {
  const convert = converterOf(recipe.processing)
  if (convert !== undefined && hasRiskyPattern(recipe.processing))
    return underDeadline(() => chunkOf(read, recipe, convert))
  return chunkOf(read, recipe, convert)
}

function chunkOf(
  read: Iterable<readonly Uint8Array[]>,
  recipe: ChunkRecipe,
  convert: Converter | undefined,
): Chunk {
  const { madeAt: timestamp, seed, keys, dataBytesMax } = recipe
  const truncationTerminator = Buffer.from(recipe.truncationTerminator)
  const records: ChunkRecord[] = []
  let bytes = 0
  let skipped = 0
  let cut = 0
  for (const run of read) {
    for (const line of run) {
      let data = convert === undefined ? line : converted(convert, line)
      if (data === undefined) {
        skipped += 1
        continue
      }
      if (data.byteLength > dataBytesMax) {
        data = truncated(data, { recordBytesMax: dataBytesMax, truncationTerminator })
        cut += 1
      }
      bytes += data.byteLength
      const partitionKey = keys === 'one' ? seed : keys === 'each' ? `${seed}-${records.length}` : md5(data)
      records.push({ partitionKey, data, timestamp })
    }
  }
  return { records, bytes, skipped, cut }
}

/** What fails is skipped as what does not match: one record must not hold up its file. */
function converted(convert: Converter, line: Uint8Array): Uint8Array | undefined {
  try {
    return convert(line)
  } catch {
    return undefined
  }
}

function md5(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex')
}
