// Readers of snappy, written after the formats' descriptions and without the library that wrote the bytes: an oracle.

/** Returns what a raw block decompresses to. */
export function rawSnappyDecoded(block: Uint8Array): Buffer {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++]!
    length += (byte & 127) * 2 ** shift
    if (byte < 128) break
  }
  const out = Buffer.alloc(length)
  let end = 0
  while (at < block.length) {
    const tag = block[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let bytes = (tag >> 2) + 1
      if (bytes > 60) {
        const width = bytes - 60
        bytes = little(block, at, width) + 1
        at += width
      }
      out.set(block.subarray(at, at + bytes), end)
      at += bytes
      end += bytes
      continue
    }
    const bytes = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const width = kind === 3 ? 4 : kind
    const distance = kind === 1 ? ((tag >> 5) << 8) | block[at]! : little(block, at, width)
    at += width
    if (distance === 0 || distance > end) throw new Error('A copy reaches before the beginning.')
    for (let count = 0; count < bytes; count++, end++) out[end] = out[end - distance]!
  }
  if (end !== length) throw new Error(`${end} bytes instead of ${length}`)
  return out
}

/** Returns what a stream in the framing format decompresses to, and checks each checksum. */
export function framedSnappyDecoded(stream: Uint8Array): Buffer {
  const out: Buffer[] = []
  for (let at = 0; at < stream.length;) {
    const kind = stream[at]!
    const bytes = little(stream, at + 1, 3)
    const body = stream.subarray(at + 4, at + 4 + bytes)
    if (body.length !== bytes) throw new Error('A chunk is cut off.')
    if (at === 0 && kind !== 0xff) throw new Error('The stream identifier is missing.')
    if (kind === 0xff && Buffer.from(body).toString() !== 'sNaPpY') throw new Error('No snappy stream.')
    if (kind === 0 || kind === 1) {
      const data = kind === 0 ? rawSnappyDecoded(body.subarray(4)) : Buffer.from(body.subarray(4))
      if (data.length > 65536) throw new Error('A chunk is too large.')
      if (little(body, 0, 4) !== maskedCrc32c(data)) throw new Error('A checksum does not match.')
      out.push(data)
    } else if (kind < 0x80) throw new Error(`Chunk ${kind} is not known.`)
    at += 4 + bytes
  }
  return Buffer.concat(out)
}

/** Returns what a stream of Hadoop's SnappyCodec decompresses to. */
export function hadoopSnappyDecoded(stream: Buffer): Buffer {
  const out: Buffer[] = []
  for (let at = 0; at < stream.length;) {
    const length = stream.readUInt32BE(at)
    at += 4
    for (let done = 0; done < length;) {
      const compressed = stream.readUInt32BE(at)
      const part = rawSnappyDecoded(stream.subarray(at + 4, at + 4 + compressed))
      out.push(part)
      done += part.length
      at += 4 + compressed
    }
  }
  return Buffer.concat(out)
}

function little(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let place = width - 1; place >= 0; place--) value = value * 256 + bytes[at + place]!
  return value
}

function maskedCrc32c(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
