// Zstandard: Node's own where it has it (22.15 and later), in threads of libuv; else the reference library as WebAssembly, slice by slice.
// The latter gives one frame a megabyte; every reader takes frames one behind the other as one stream.
import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import type * as ZstdLibrary from '@bokuweb/zstd-wasm'
import { through } from './gzip.ts'
import { sliced } from './snappy.ts'

/** The library's default. */
const LEVEL = 3

const FRAME_BYTES = 2 ** 20

const { createZstdCompress } = zlib as { readonly createZstdCompress?: () => Transform }

/** Compresses a stream of bytes at the default level. */
export function zstandard(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return createZstdCompress === undefined ? zstandardFrames(chunks) : through(chunks, createZstdCompress())
}

/** Compresses a stream of bytes without Node's help. */
export async function* zstandardFrames(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { compress } = await (library ??= loaded())
  let frames = 0
  for await (const slice of sliced(chunks, FRAME_BYTES)) {
    yield compress(slice, LEVEL)
    frames++
  }
  if (frames === 0) yield compress(Buffer.alloc(0), LEVEL)
}

let library: Promise<typeof ZstdLibrary> | undefined

async function loaded() {
  const module = await import('@bokuweb/zstd-wasm')
  await module.init()
  return module
}
