// How small rows lie on the disk. Runs in the controller and in the check; pure.
//
//   key    tag (1) | text in UTF-8
//   value  checksum (4) | version (8) | JSON        CRC-32 of the key and of what follows it; numbers big-endian
import { checkText } from '../../../protocol/text/text.ts'
import { smallFamilies, type SmallFamilyName } from '../../catalog/small-families.ts'
import { checkShape } from '../../catalog/shape.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { SmallExtent, SmallName, SmallRow, SmallWrite } from '../../small-rows-contract.ts'
import type { Row } from '../environment.ts'
import { checksumOf, DamagedRow, type KeyRange } from '../rows/key-space.ts'

const CHECKSUM_BYTES = 4
const VERSION_BYTES = 8
const HEAD_BYTES = CHECKSUM_BYTES + VERSION_BYTES

/** An encoded write. It has no version yet: versions are assigned in the order of storing. */
export interface EncodedWrite {
  readonly name: SmallName
  readonly key: Buffer
  /** Undefined if the row is removed. */
  readonly json: Buffer | undefined
  readonly expected: number | undefined
}

/** Encodes a write. Throws `invalidArgument` if the row does not match its family's shape. */
export function encodeWrite({ family, key, value, expected }: SmallWrite): EncodedWrite {
  const { keyBytesMax, valueBytesMax, value: shape } = smallFamilies[family]
  const keyBytes = encodeSmallKey(family, key)
  const keyLength = keyBytes.length - 1
  if (keyLength < 1 || keyLength > keyBytesMax) {
    throw refusal(
      'invalidArgument',
      `A key of ${family} has 1 to ${keyBytesMax} bytes; this one has ${keyLength}.`,
    )
  }
  const name = { family, key }
  if (value === undefined) return { name, key: keyBytes, json: undefined, expected }
  const checked = checkShape(shape, value)
  if (checked.problem !== undefined) {
    throw refusal(
      'invalidArgument',
      `The value of ${family} ${key} is not what it should be: ${checked.problem}`,
    )
  }
  const json = Buffer.from(JSON.stringify(checked.value))
  if (json.length > valueBytesMax) {
    throw refusal(
      'invalidArgument',
      `The value of ${family} ${key} has ${json.length} bytes; the limit is ${valueBytesMax} bytes.`,
    )
  }
  return { name, key: keyBytes, json, expected }
}

/** Encodes a row's key, or a prefix of keys. Throws `invalidArgument` for text that UTF-8 cannot hold. */
export function encodeSmallKey(family: SmallFamilyName, text: string): Buffer {
  checkText(`The key of ${family}`, text)
  const bytes = Buffer.allocUnsafeSlow(1 + Buffer.byteLength(text))
  bytes[0] = smallFamilies[family].tag
  bytes.write(text, 1)
  return bytes
}

/** The keys of a family that begin with `prefix`. Byte 0xff never occurs in UTF-8, so it lies above all of them. */
export function smallRangeOf(family: SmallFamilyName, prefix = ''): KeyRange {
  const start = encodeSmallKey(family, prefix)
  return { start, end: Buffer.concat([start, Buffer.of(0xff)]) }
}

/** Encodes the value of the row under `key`. */
export function encodeSmallValue(key: Buffer, version: number, json: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + json.length)
  bytes.writeBigUInt64BE(BigInt(version), CHECKSUM_BYTES)
  json.copy(bytes, HEAD_BYTES)
  bytes.writeUInt32BE(checksumOf(key, bytes.subarray(CHECKSUM_BYTES)), 0)
  return bytes
}

/** The version in a stored value. Throws DamagedRow if the checksum does not match. */
export function versionOf(key: Uint8Array, value: Uint8Array): number {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (
    bytes.length < HEAD_BYTES ||
    bytes.readUInt32BE(0) !== checksumOf(key, bytes.subarray(CHECKSUM_BYTES))
  ) {
    throw new DamagedRow(`small row ${Buffer.from(key).toString('hex')} does not match its checksum`)
  }
  return Number(bytes.readBigUInt64BE(CHECKSUM_BYTES))
}

/** The extent of a row, which may be damaged. */
export function extentOf({ key, value }: Row): SmallExtent {
  return { key: textOfKey(key), bytes: Math.max(0, value.length - HEAD_BYTES) }
}

function textOfKey(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8', 1)
}

/** Decodes a row. Throws DamagedRow if the checksum does not match, or the value does not match its family's shape. */
export function decodeSmallRow<F extends SmallFamilyName>(family: F, { key, value }: Row): SmallRow<F> {
  const version = versionOf(key, value)
  const text = textOfKey(key)
  const checked = checkShape(
    smallFamilies[family].value,
    JSON.parse(Buffer.from(value).toString('utf8', HEAD_BYTES)),
  )
  if (checked.problem !== undefined)
    throw new DamagedRow(`${family} ${text} is not what it should be: ${checked.problem}`)
  return { family, key: text, version, value: checked.value }
}
