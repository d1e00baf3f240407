// How a delivery's records become objects: the encoder that its definition asks for. Runs in the app. Encoders have no state of their own,
// so that the same spool gives the same object again.
import type { DeliveryDefinition } from 'millrace/protocol'
import { rawEncoder, type ObjectEncoder } from '../engine/object-encoder.ts'
import { compressedEncoder } from './compressed-encoder.ts'

export { compressionExtensions } from './compressions.ts'

/** What of a definition an encoder depends on. */
export type EncodedBy = Pick<DeliveryDefinition, 'format' | 'compression' | 'delimiter'>

/** Returns the encoder of a definition. */
export function makeEncoder({ compression, delimiter }: EncodedBy): ObjectEncoder {
  return compression === 'none' ? rawEncoder(delimiter) : compressedEncoder(compression, delimiter)
}
