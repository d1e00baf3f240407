// Writes an aggregated record of the Kinesis Producer Library: its bytes are those of the layout in aggregated-record.ts, and
// the same as other implementations write. Runs in the client, pure.
import { hash } from 'node:crypto'
import { DIGEST_BYTES, MAGIC, fields, tables, type AggregatedPart } from './aggregated-record.ts'
import { wireTypes } from './protobuf-cursor.ts'

const ENVELOPE_BYTES = MAGIC.length + DIGEST_BYTES

/** A table of texts that are written once, and its bytes in the message. */
class TextTable {
  readonly texts = new Map<string, number>()
  bytes = 0

  /** Returns the index that the text has, or will have. */
  indexOf(text: string): number {
    return this.texts.get(text) ?? this.texts.size
  }

  /** Returns how many bytes the table would take more with the text. */
  growth(text: string): number {
    return this.texts.has(text) ? 0 : sizeOf(Buffer.byteLength(text))
  }

  add(text: string): number {
    const index = this.indexOf(text)
    this.bytes += this.growth(text)
    this.texts.set(text, index)
    return index
  }
}

interface Row {
  readonly keyIndex: number
  readonly hashKeyIndex: number | undefined
  readonly data: Uint8Array
  /** Of the record's message, without its tag and length. */
  readonly bytes: number
}

/** Gathers records, and knows at any moment how long the payload will be, to the byte. It keeps the data that it is given. */
export class AggregateBuilder {
  readonly #partitionKeys = new TextTable()
  readonly #explicitHashKeys = new TextTable()
  readonly #rows: Row[] = []
  #rowBytes = 0

  get recordCount(): number {
    return this.#rows.length
  }

  /** Bytes of the payload. */
  get byteLength(): number {
    return ENVELOPE_BYTES + this.#partitionKeys.bytes + this.#explicitHashKeys.bytes + this.#rowBytes
  }

  /** Bytes of the payload with one more record. */
  byteLengthWith({ partitionKey, explicitHashKey, data }: AggregatedPart): number {
    const hashKeyIndex =
      explicitHashKey === undefined ? undefined : this.#explicitHashKeys.indexOf(explicitHashKey)
    const row = rowBytesOf(this.#partitionKeys.indexOf(partitionKey), hashKeyIndex, data)
    const hashKeyBytes = explicitHashKey === undefined ? 0 : this.#explicitHashKeys.growth(explicitHashKey)
    return this.byteLength + this.#partitionKeys.growth(partitionKey) + hashKeyBytes + sizeOf(row)
  }

  add({ partitionKey, explicitHashKey, data }: AggregatedPart): void {
    const keyIndex = this.#partitionKeys.add(partitionKey)
    const hashKeyIndex =
      explicitHashKey === undefined ? undefined : this.#explicitHashKeys.add(explicitHashKey)
    const bytes = rowBytesOf(keyIndex, hashKeyIndex, data)
    this.#rows.push({ keyIndex, hashKeyIndex, data, bytes })
    this.#rowBytes += sizeOf(bytes)
  }

  /** Returns the payload in memory of its own. */
  build(): Uint8Array {
    const payload = Buffer.allocUnsafeSlow(this.byteLength)
    payload.set(MAGIC)
    let at = MAGIC.length
    const writeTable = (field: number, texts: Iterable<string>): void => {
      for (const text of texts) {
        at = writeHead(payload, at, field, Buffer.byteLength(text))
        at += payload.write(text, at)
      }
    }
    writeTable(tables.partitionKeys, this.#partitionKeys.texts.keys())
    writeTable(tables.explicitHashKeys, this.#explicitHashKeys.texts.keys())
    for (const { keyIndex, hashKeyIndex, data, bytes } of this.#rows) {
      at = writeHead(payload, at, tables.records, bytes)
      at = writeNumber(payload, at, fields.partitionKeyIndex, keyIndex)
      if (hashKeyIndex !== undefined) at = writeNumber(payload, at, fields.explicitHashKeyIndex, hashKeyIndex)
      at = writeHead(payload, at, fields.data, data.length)
      payload.set(data, at)
      at += data.length
    }
    hash('md5', payload.subarray(MAGIC.length, at), 'buffer').copy(payload, at)
    return payload
  }
}

function rowBytesOf(keyIndex: number, hashKeyIndex: number | undefined, data: Uint8Array): number {
  const hashKeyBytes = hashKeyIndex === undefined ? 0 : 1 + varintBytes(hashKeyIndex)
  return 1 + varintBytes(keyIndex) + hashKeyBytes + sizeOf(data.length)
}

/** Bytes of a field of `length` bytes, with its tag, which is one byte in this message, and its length. */
function sizeOf(length: number): number {
  return 1 + varintBytes(length) + length
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

function writeHead(out: Uint8Array, at: number, field: number, length: number): number {
  out[at] = field * 8 + wireTypes.bytes
  return writeVarint(out, at + 1, length)
}

function writeNumber(out: Uint8Array, at: number, field: number, value: number): number {
  out[at] = field * 8 + wireTypes.varint
  return writeVarint(out, at + 1, value)
}

function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value
  let end = at
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[end++] = (rest & 0x7f) | 0x80
  out[end++] = rest
  return end
}
